package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// faultyOllama answers /api/chat as a real server does when something is
// wrong with it. Faults cannot be had on demand from a real one.
func faultyOllama(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}

// line is one answer of a model, whole.
func line(content, reason string) string {
	return fmt.Sprintf(`{"model":"m","created_at":"2026-02-01T12:00:00Z","message":{"role":"assistant","content":%q},"done":true,"done_reason":%q}`+"\n", content, reason)
}

func TestAModelInterpretsWhenItCan(t *testing.T) {
	t.Parallel()
	host := faultyOllama(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, line(`{"intents":[{"op":"create","title":"Milch kaufen","priority":"high"}]}`, "stop"))
	})
	p := start(t, map[string]string{"INTERPRETER": "ollama:m", "OLLAMA_HOST": host}).signUp(t)
	reply := p.say("Ich muss dringend Milch kaufen")
	if reply.Interpreter != "ollama:m" || len(reply.Actions) != 1 || reply.Actions[0].Todo.Priority != "high" {
		t.Errorf("%+v, want the model's intent carried out", reply)
	}
	p.wantList("the model", "1 Milch kaufen pending")
}

func TestTheRulesAnswerWhateverIsWrongWithTheModel(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"busy": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":"server busy"}`, http.StatusServiceUnavailable)
		},
		"no such model": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":"model 'm' not found"}`, http.StatusNotFound)
		},
		"an empty refusal": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) },
		"a failed load": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":"llama runner process has terminated"}`, http.StatusInternalServerError)
		},
		"an error line": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, `{"error":"unexpected EOF"}`) },
		"a broken stream": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, `{"message":{"content":"{\"intents\":["},"done":false}`)
		},
		"too long": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, line(`{"intents":[{"op":"delete","target":"a`, "length"))
		},
		"prose": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, line("Sure! I will delete everything.", "stop"))
		},
		"an unknown op": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, line(`{"intents":[{"op":"drop_table"}]}`, "stop"))
		},
		"null members": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, line(`{"intents":null}`, "stop")) },
		"no target": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, line(`{"intents":[{"op":"delete","target":null}]}`, "stop"))
		},
		"not even JSON": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "<html>") },
		"slower than we wait": func(w http.ResponseWriter, r *http.Request) {
			select { // a load that takes longer than the deadline
			case <-r.Context().Done():
			case <-time.After(5 * time.Second):
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := faultyOllama(t, answer)
			p := start(t, map[string]string{"INTERPRETER": "ollama:m", "OLLAMA_HOST": host, "OLLAMA_DEADLINE": "300ms"}).signUp(t)
			began := time.Now()
			reply := p.say("add buy milk")
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("the answer took %v: the deadline is 300 ms", took)
			}
			if reply.Interpreter != "rules" || len(reply.Actions) != 1 || !strings.Contains(reply.Reply, "simple rules") {
				t.Errorf("%+v, want the rules to act, and to say so", reply)
			}
			p.wantList("the fallback", "1 buy milk pending")
		})
	}
	t.Run("unreachable", func(t *testing.T) {
		t.Parallel()
		s := start(t, map[string]string{"INTERPRETER": "ollama:m", "OLLAMA_HOST": "127.0.0.1:1"})
		p := s.signUp(t)
		for range 5 { // the breaker opens on the way
			if reply := p.say("add buy milk"); reply.Interpreter != "rules" || len(reply.Actions) != 1 {
				t.Errorf("%+v, want the rules to act", reply)
			}
		}
		response, err := http.Get(s.url + "/api/health")
		if err != nil || response.StatusCode != 200 {
			t.Errorf("health: %v, %v, want 200 while degraded", response, err)
		}
	})
}

func TestAFeatureThatNothingImplementsCannotBeSwitchedOn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"RECURRING", "REMINDER", "NOTIFICATION", "SHARING", "OTHER"} {
		err := run(t.Context(), nil, func(n string) string {
			return map[string]string{"DATABASE_URL": "postgres://x", "TODO_URL": "http://127.0.0.1:1", "FEATURE_" + name: "true"}[n]
		}, nil)
		if err == nil || !strings.Contains(err.Error(), "FEATURE_") {
			t.Errorf("FEATURE_%s=true: %v, want it refused", name, err)
		}
	}
}

func TestAnUnknownInterpreterIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"gpt", "ollama:", "intent"} {
		err := run(t.Context(), nil, func(n string) string {
			return map[string]string{"PORT": "0", "HOST": "127.0.0.1", "DATABASE_URL": "postgres://x", "TODO_URL": "http://127.0.0.1:1", "INTERPRETER": name}[n]
		}, nil)
		if err == nil || !strings.Contains(err.Error(), "INTERPRETER") {
			t.Errorf("INTERPRETER=%s: %v, want it refused", name, err)
		}
	}
}
