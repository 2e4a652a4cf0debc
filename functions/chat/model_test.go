package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/todochat/todochat/internal/intentmodel"
)

// faultyOllama answers a request to a model as a real server does when
// something is wrong with it: faults cannot be had on demand from a real one.
// It has every model.
func faultyOllama(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/api/chat", answer)
	mux.HandleFunc("/api/generate", answer)
	mux.HandleFunc("/api/show", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// line is one answer of a model, whole, as /api/chat and /api/generate give it.
func line(content, reason string) string {
	return fmt.Sprintf(`{"model":"m","message":{"role":"assistant","content":%q},"response":%q,"done":true,"done_reason":%q}`+"\n", content, content, reason)
}

func TestAModelInterpretsWhenItCan(t *testing.T) {
	t.Parallel()
	for interpreter, answer := range map[string]string{
		"ollama:m": `{"intents":[{"op":"create","title":"Milch kaufen","priority":"high"}]}`,
		// Units 3 and 4 of the message are what is to be done.
		"intent": answerOf("create", "title") + intentmodel.Pointer(3) + intentmodel.Pointer(4) + answerOf("high"),
	} {
		t.Run(interpreter, func(t *testing.T) {
			t.Parallel()
			host := faultyOllama(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, line(answer, "stop")) })
			p := start(t, map[string]string{"INTERPRETER": interpreter, "OLLAMA_HOST": host}).signUp(t)
			reply := p.say("Ich muss dringend Milch kaufen")
			if reply.Interpreter != interpreter || len(reply.Actions) != 1 || reply.Actions[0].Todo.Priority != "high" {
				t.Errorf("%+v, want the model's intent carried out", reply)
			}
			p.wantList("the model", "1 Milch kaufen pending")
		})
	}
}

// answerOf writes words of the intent model's notation.
func answerOf(words ...string) (text string) {
	for _, w := range words {
		text += intentmodel.Word(w)
	}
	return text
}

// hijack ends a connection without a word.
func hijack(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = conn.Close()
	}
}

// refusal is a handler that refuses with a status and a body.
func refusal(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// partial is the beginning of an answer.
const partial = `{"message":{"content":"{\"intents\":["},"response":"\ue100","done":false}`

func flush(w http.ResponseWriter, text string) {
	fmt.Fprintln(w, text)
	_ = http.NewResponseController(w).Flush() // a client that has gone is none of the test's
}

// faults are what Ollama 0.24 does when something is wrong. Each was seen on
// a real server.
var faults = map[string]http.HandlerFunc{
	"busy":                             refusal(503, `{"error":"server busy, please try again.  maximum pending requests exceeded"}`),
	"no such model":                    refusal(404, `{"error":"model 'm' not found"}`),
	"a refusal of the host, empty":     refusal(403, ""),
	"a failure, empty":                 refusal(500, ""),
	"a failed load":                    refusal(500, `{"error":"llama runner process has terminated: error loading model"}`),
	"a format that it does not take":   refusal(500, `{"error":"invalid JSON schema in format"}`),
	"no such capability":               refusal(400, `{"error":"m does not support thinking"}`),
	"a message longer than its memory": refusal(400, `{"error":"the input length exceeds the context length"}`),
	"not its path":                     refusal(404, "404 page not found"),
	"not its method":                   refusal(405, "405 method not allowed"),
	"the runner dies": func(w http.ResponseWriter, _ *http.Request) {
		flush(w, partial)
		flush(w, `{"error":"an error was encountered while running the model: unexpected EOF"}`)
	},
	"an error at once": refusal(200, `{"error":"unexpected EOF"}`+"\n"),
	"a broken stream":  refusal(200, partial+"\n"),
	"repetition":       refusal(200, `{"message":{"content":"   "},"response":"   ","done":false}`+"\n"),
	"the server dies": func(w http.ResponseWriter, _ *http.Request) {
		flush(w, partial)
		hijack(w)
	},
	"the connection ends":          func(w http.ResponseWriter, _ *http.Request) { hijack(w) },
	"too long":                     refusal(200, line(`{"intents":[{"op":"delete","target":"a`, "length")),
	"no reason given for the end":  refusal(200, line(answerOf("delete", "all"), "")),
	"prose":                        refusal(200, line("Sure! I will delete everything.", "stop")),
	"an unknown op":                refusal(200, line(`{"intents":[{"op":"drop_table"}]}`, "stop")),
	"null members":                 refusal(200, line(`{"intents":null}`, "stop")),
	"no target":                    refusal(200, line(`{"intents":[{"op":"delete","target":null}]}`, "stop")),
	"nothing":                      refusal(200, line("", "stop")),
	"a pointer beyond the message": refusal(200, line(answerOf("create", "title")+intentmodel.Pointer(1)+intentmodel.Pointer(70), "stop")),
	"a pointer that stands alone":  refusal(200, line(answerOf("create", "title")+intentmodel.Pointer(1), "stop")),
	"an op without its members":    refusal(200, line(answerOf("delete"), "stop")),
	"not even JSON":                refusal(200, "<html>"),
	"slower than we wait": func(w http.ResponseWriter, r *http.Request) {
		select { // a load that takes longer than the deadline: no headers come
		case <-r.Context().Done():
		case <-time.After(8 * time.Second):
		}
	},
	"slower than we wait, within the answer": func(w http.ResponseWriter, r *http.Request) {
		flush(w, partial)
		select {
		case <-r.Context().Done():
		case <-time.After(8 * time.Second):
		}
	},
}

func TestTheRulesAnswerWhateverIsWrongWithTheModel(t *testing.T) {
	t.Parallel()
	for _, interpreter := range []string{"ollama:m", "auto"} {
		for name, answer := range faults {
			t.Run(interpreter+"/"+name, func(t *testing.T) {
				t.Parallel()
				host := faultyOllama(t, answer)
				p := start(t, map[string]string{"INTERPRETER": interpreter, "OLLAMA_HOST": host, "OLLAMA_DEADLINE": "300ms"}).signUp(t)
				began := time.Now()
				reply := p.say("add buy milk")
				if took := time.Since(began); took > 6*time.Second {
					t.Errorf("the answer took %v: the deadline is 300 ms, or 3 s for the intent model", took)
				}
				if reply.Interpreter != "rules" || len(reply.Actions) != 1 || !strings.Contains(reply.Reply, "simple rules") {
					t.Errorf("%+v, want the rules to act, and to say so", reply)
				}
				p.wantList("the fallback", "1 buy milk pending")
			})
		}
	}
}

func TestTheRulesAnswerWithoutAnOllama(t *testing.T) {
	t.Parallel()
	for _, interpreter := range []string{"ollama:m", "auto"} {
		t.Run(interpreter, func(t *testing.T) {
			t.Parallel()
			s := start(t, map[string]string{"INTERPRETER": interpreter, "OLLAMA_HOST": "127.0.0.1:1"})
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
	for _, name := range []string{"gpt", "ollama:", "model"} {
		err := run(t.Context(), nil, func(n string) string {
			return map[string]string{"PORT": "0", "HOST": "127.0.0.1", "DATABASE_URL": "postgres://x", "TODO_URL": "http://127.0.0.1:1", "INTERPRETER": name}[n]
		}, nil)
		if err == nil || !strings.Contains(err.Error(), "INTERPRETER") {
			t.Errorf("INTERPRETER=%s: %v, want it refused", name, err)
		}
	}
}
