package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/todochat/todochat/internal/ollamatest"
)

// event is one server-sent event as it came.
type event struct {
	name string
	data string
	at   time.Time
}

// stream sends a body and hands on each event as it comes, until hear says
// false or the stream ends. It returns the status.
func (p *person) stream(ctx context.Context, path string, body map[string]any, hear func(event) bool) int {
	p.t.Helper()
	if path == "/api/chat" && p.conversation != uuid.Nil && body["conversation_id"] == nil {
		body["conversation_id"] = p.conversation
	}
	data, err := json.Marshal(body)
	if err != nil {
		p.t.Error(err)
		return 0
	}
	request, err := http.NewRequestWithContext(ctx, "POST", p.s.url+path, bytes.NewReader(data))
	if err != nil {
		p.t.Error(err)
		return 0
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Authorization", "Bearer "+p.token)
	response, err := p.s.client.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			p.t.Error(err)
		}
		return 0
	}
	defer response.Body.Close()
	var e event
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "event: "):
			e.name = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			e.data, e.at = line[len("data: "):], time.Now()
		case line == "" && e.name != "":
			if !hear(e) {
				return response.StatusCode
			}
			e = event{}
		}
	}
	_, _ = io.Copy(io.Discard, response.Body) // to its end, so that the contract is checked
	return response.StatusCode
}

// hear streams a message to its end, and returns the names of its events, the
// text of its tokens, and its answer.
func (p *person) hear(body map[string]any) (names []string, said string, reply replyBody) {
	p.t.Helper()
	p.stream(p.t.Context(), "/api/chat", body, func(e event) bool {
		if len(names) == 0 || names[len(names)-1] != e.name {
			names = append(names, e.name)
		}
		var token tokenBody
		switch e.name {
		case eventToken:
			if err := json.Unmarshal([]byte(e.data), &token); err != nil {
				p.t.Error(err)
			}
			said += token.Text
		case "done":
			if err := json.Unmarshal([]byte(e.data), &reply); err != nil {
				p.t.Error(err)
			}
			p.conversation = reply.ConversationID
		case "error":
			p.t.Errorf("%v: %s", body, e.data)
		}
		return true
	})
	return names, said, reply
}

func TestAStreamTellsATurnInItsStages(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	for _, step := range []struct {
		body  map[string]any
		names string
	}{
		{map[string]any{"message": "add buy milk", "message_id": "m1"}, "understood acted token done"},
		{map[string]any{"message": "add buy milk", "message_id": "m1"}, "understood acted token done"}, // again
		{map[string]any{"message": "add bread", "message_id": "m2"}, "understood acted token done"},
		{map[string]any{"message": "list"}, "understood token done"},
		{map[string]any{"message": "what should I do first?"}, "understood token done"},
		{map[string]any{"message": "delete everything"}, "understood token proposal done"},
		{map[string]any{"message": "yes"}, "understood acted token done"},
	} {
		names, said, reply := p.hear(step.body)
		if got := strings.Join(names, " "); got != step.names || said != reply.Reply || reply.Reply == "" {
			t.Errorf("%v: %s\n%q\n%q, want %s and the same text", step.body, got, said, reply.Reply, step.names)
		}
	}
	p.wantList("all", []string{}...)

	status := 0
	for name, body := range map[string]map[string]any{
		"nothing":              {},
		"no such proposal":     {"confirm": uuid.New()},
		"no such conversation": {"message": "list", "conversation_id": uuid.New()},
	} {
		status = p.stream(t.Context(), "/api/chat", body, func(e event) bool { t.Errorf("%s: event %s", name, e.name); return true })
		if status != 422 && status != 404 {
			t.Errorf("%s: %d, want an ordinary problem", name, status)
		}
	}
}

// talking starts the function with a conversation model of so many layers.
func talking(t *testing.T, layers int, between func(http.Handler) http.Handler, settings map[string]string) *system {
	t.Helper()
	host := ollamatest.Start(t).Host
	ollamatest.Create(t, host, "tiny", ollamatest.TinyModel(t, layers))
	all := map[string]string{"CHAT_MODEL": "tiny", "OLLAMA_HOST": host}
	if between != nil {
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: host})
		proxy.FlushInterval = -1
		server := httptest.NewServer(between(proxy))
		t.Cleanup(server.Close)
		all["OLLAMA_HOST"] = server.URL
	}
	for name, value := range settings {
		all[name] = value
	}
	return start(t, all)
}

// timed notes when the first word of each answer passes.
type timed struct {
	http.ResponseWriter
	first func()
}

func (w *timed) Write(b []byte) (int, error) { w.first(); return w.ResponseWriter.Write(b) }
func (w *timed) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestTheFirstWordComesAtOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var spoke time.Time
	s := talking(t, 40, func(ollama http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/chat" {
				w = &timed{w, sync.OnceFunc(func() { mu.Lock(); spoke = time.Now(); mu.Unlock() })}
			}
			ollama.ServeHTTP(w, r)
		})
	}, nil)
	p := s.signUp(t)
	p.fill("renew the passport", "water the plants")
	best := time.Hour
	for range 5 {
		var first time.Time
		tokens := 0
		p.stream(t.Context(), "/api/chat", map[string]any{"message": "what should I do first?"}, func(e event) bool {
			if e.name == eventToken {
				if tokens++; tokens == 1 {
					first = e.at
				}
			}
			return true
		})
		mu.Lock()
		best = min(best, first.Sub(spoke))
		mu.Unlock()
		if tokens < 5 {
			t.Fatalf("%d tokens: nothing was streamed", tokens)
		}
	}
	if best > 50*time.Millisecond {
		t.Errorf("the first token came %v after the model's first word, want at most 50 ms", best)
	}
}

func TestWhoHangsUpFreesTheModel(t *testing.T) {
	t.Parallel()
	var running atomic.Int64
	s := talking(t, 40, func(ollama http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/chat" {
				running.Add(1)
				defer running.Add(-1)
			}
			ollama.ServeHTTP(w, r)
		})
	}, map[string]string{"OLLAMA_AT_ONCE": "1"})
	p := s.signUp(t)
	p.fill("renew the passport")
	p.stream(t.Context(), "/api/chat", map[string]any{"message": "what should I do first?"}, func(e event) bool { return e.name != eventToken }) // loads the model

	hungUp := time.Time{}
	ctx, hangUp := context.WithCancel(t.Context())
	p.stream(ctx, "/api/chat", map[string]any{"message": "what should I do first?"}, func(e event) bool {
		if e.name == eventToken {
			hangUp()
			hungUp = time.Now()
		}
		return true
	})
	for running.Load() > 0 {
		if time.Since(hungUp) > time.Second {
			t.Fatal("the model still speaks 1 s after the client hung up")
		}
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	p.stream(t.Context(), "/api/chat", map[string]any{"message": "what should I do first?"}, func(e event) bool { return e.name != eventToken })
	if waited := time.Since(began); waited > 5*time.Second {
		t.Errorf("the next one waited %v for the model", waited)
	}
}

// TestFiguresAreNeverTheModels asks a model that says anything: what it says
// has no figure, and what follows is what the list says.
func TestFiguresAreNeverTheModels(t *testing.T) {
	t.Parallel()
	s := talking(t, 2, nil, nil)
	p := s.signUp(t)
	p.fill("renew the passport", "water the 2 plants")
	for _, message := range []string{"what should I do first?", "how many are open?", "was soll ich zuerst machen?", "ce ar trebui să fac?"} {
		_, said, reply := p.hear(map[string]any{"message": message})
		words, facts, ok := strings.Cut(said, "\nYour list: ")
		if !ok {
			// The server breaks off a model that repeats itself.
			if !strings.Contains(said, "2 todos open; 0 done.") {
				t.Errorf("%q: %q has no facts", message, said)
			}
			continue
		}
		if facts != "2 todos open; 0 done." || reply.Model != "tiny" {
			t.Errorf("%q: facts %q by %q", message, facts, reply.Model)
		}
		for _, number := range regexp.MustCompile(`#?[0-9]+`).FindAllString(words, -1) {
			if number != "#1" && number != "#2" && number != "2" { // which stands in a title
				t.Errorf("%q: the model's %q was let through: %q", message, number, words)
			}
		}
	}
}

func TestStepsAreAddedOnlyWhenConfirmed(t *testing.T) {
	t.Parallel()
	s := talking(t, 2, nil, nil)
	offered := 0
	for _, message := range []string{
		"break my move to Lisbon into steps", "plan my move to Lisbon", "suggest steps to learn Portuguese", "split the kitchen renovation up into smaller pieces",
		"break the garden party into steps", "plan my thesis", "plan my garden", "break the tax return into steps", "plan my wedding", "split the essay into parts",
	} {
		p := s.signUp(t)
		_, said, reply := p.hear(map[string]any{"message": message})
		before := p.list()
		if reply.Proposal == nil { // a model that knows nothing may not come to an end
			if !strings.Contains(said, "language model") {
				t.Errorf("%q: no steps, and no word why: %q", message, said)
			}
			continue
		}
		offered++
		if want := len(reply.Actions); len(before) != want || want > 1 {
			t.Errorf("%q: %q before the confirmation", message, before)
		}
		status, done, text := p.post(map[string]any{"confirm": reply.Proposal.ID})
		if steps := len(reply.Proposal.Operations); status != 200 || len(done.Actions) != steps || len(p.list()) != len(before)+steps {
			t.Errorf("%q confirmed: %d with %d actions of %d: %.300s", message, status, len(done.Actions), steps, text)
		}
		p.say("undo")
		if left := p.list(); len(left) != len(before) {
			t.Errorf("%q: after undo there is %q", message, left)
		}
	}
	if offered == 0 {
		t.Fatal("the model never came to an end")
	}
}

func TestTwoHundredStreamsShareTheModel(t *testing.T) {
	var now, most atomic.Int64
	s := talking(t, 2, func(ollama http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/chat" {
				n := now.Add(1)
				defer now.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
			}
			ollama.ServeHTTP(w, r)
		})
	}, nil)
	p := s.signUp(t)
	p.fill("renew the passport")
	ask := func(hear func(event) bool) {
		p.stream(t.Context(), "/api/chat", map[string]any{"message": "what should I do first?"}, hear)
	}
	ask(func(event) bool { return true })
	before := goleak.IgnoreCurrent() // no test runs beside this one
	var all sync.WaitGroup
	var done atomic.Int64
	for range 200 {
		all.Go(func() {
			ask(func(e event) bool {
				if e.name == "done" {
					done.Add(1)
				}
				return true
			})
		})
	}
	all.Wait()
	if done.Load() != 200 || most.Load() > 2 {
		t.Errorf("%d of 200 came to their end, %d calls of the model at once, want 200 and at most 2", done.Load(), most.Load())
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}
