package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/todochat/todochat/internal/stacktest"
)

func TestAnUnknownPathOrMethodIsAProblem(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, startFrontend(t, nil))
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/nothing", 404, ""},
		{"POST", "/nothing", 404, ""},
		{"GET", "//", 404, ""},
		{"GET", "/../etc/passwd", 404, ""},
		{"GET", "/vendor", 404, ""},
		{"GET", "/static/index.html", 404, ""},
		{"POST", "/", 405, "GET, HEAD"},
		{"DELETE", "/style.css", 405, "GET, HEAD"},
		{"GET", "/session", 405, "DELETE, POST"},
		{"PUT", "/session", 405, "DELETE, POST"},
		{"GET", "/session/register", 405, "POST"},
		{"GET", "/session/nothing", 404, ""},
		{"POST", "/api/health", 405, "GET, HEAD"},
	} {
		got := v.ask(c.method, c.path, "")
		got.check(t, c.status, "")
		if allow := got.Header.Get("Allow"); allow != c.allow {
			t.Errorf("%s %s allows %q, want %q", c.method, c.path, allow, c.allow)
		}
	}
}

func TestTheRealFunctionsAnswerThroughTheFrontend(t *testing.T) {
	stack := stacktest.New(t)
	v := newVisitor(t, stack.Frontend.URL)
	v.ask("POST", "/session/register", `{"email":"ada@example.com","password":"correct horse","name":"Ada"}`).check(t, 200, "")
	for _, c := range []struct {
		method, path, body, want string
		status                   int
	}{
		{"GET", "/api/health", "", `"status":"ok"`, 200},
		{"GET", "/api/health/", "", `"status":"ok"`, 200},
		{"GET", "/api/health/todo", "", `"database":"ok"`, 200},
		{"GET", "/api/health/todo/", "", `"database":"ok"`, 200},
		{"GET", "/api/health/chat", "", `"status"`, 200},
		{"GET", "/openapi.json", "", `"/api/todos"`, 200},
		{"GET", "/api/chat/openapi.json", "", `"/api/chat"`, 200},
		{"GET", "/.well-known/jwks.json", "", `"keys"`, 200},
		{"POST", "/api/todos", `{"title":"one"}`, `"number":1`, 201},
		{"POST", "/api/todos/", `{"title":"two"}`, `"number":2`, 201},
		{"GET", "/api/todos", "", `"total":2`, 200},
		{"GET", "/api/todos/?limit=1", "", `"total":2`, 200},
		{"GET", "/api/todos/1", "", `"one"`, 200},
		{"GET", "/api/todos/1/", "", `"one"`, 200},
		{"POST", "/api/chat", `{"message":"mark 1 done"}`, `#1`, 200},
		{"POST", "/api/chat/", `{"message":"mark 2 done"}`, `#2`, 200},
		{"GET", "/api/auth/me", "", `"completed":2`, 200},
		{"GET", "/api/nothing", "", `"status":404`, 404},
		{"PUT", "/api/todos", `{}`, `"status":405`, 405},
		{"POST", "/api/todos", `{"title":""}`, `body.title`, 422},
	} {
		got := v.ask(c.method, c.path, c.body)
		got.check(t, c.status, "")
		if !strings.Contains(got.body, c.want) {
			t.Errorf("%s %s answers %s, want %s in it", c.method, c.path, got.body, c.want)
		}
	}
}

func TestARequestKeepsItsIDOnTheWay(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 1)
	todo := standIn(t, map[string]http.HandlerFunc{"/api/": func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("X-Request-Id")
		w.Header().Set("X-Request-Id", r.Header.Get("X-Request-Id"))
	}})
	v := newVisitor(t, startFrontend(t, map[string]string{"TODO_URL": todo}))
	got := v.ask("GET", "/api/todos", "", "X-Request-Id: a-request-of-mine")
	if upstream, back := <-seen, got.Header.Values("X-Request-Id"); upstream != "a-request-of-mine" || len(back) != 1 || back[0] != upstream {
		t.Errorf("the id is %q upstream and %q in the answer, want the one sent, once", upstream, back)
	}
	got = v.ask("GET", "/api/todos", "", "X-Request-Id: not an id\x09")
	if upstream, back := <-seen, got.Header.Get("X-Request-Id"); upstream != back || len(back) != 36 {
		t.Errorf("instead of a bad id it is %q upstream and %q in the answer, want a new one", upstream, back)
	}
}

func TestAStreamArrivesAsItIsTold(t *testing.T) {
	t.Parallel()
	for path, function := range map[string]string{"/api/chat": "CHAT_URL", "/mcp": "TODO_URL"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			checkThatAStreamArrives(t, path, function)
		})
	}
}

// checkThatAStreamArrives holds a function's stream back until its beginning
// has come through.
func checkThatAStreamArrives(t *testing.T, path, function string) {
	t.Helper()
	goOn := make(chan struct{})
	teller := standIn(t, map[string]http.HandlerFunc{"POST " + path: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event: understood\n\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-goOn:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, "event: done\n\n")
	}})
	address := startFrontend(t, map[string]string{function: teller})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	stream := bufio.NewReader(response.Body)
	// The function waits for us: what we read now was flushed on its way.
	first, err := stream.ReadString('\n')
	if err != nil || first != "event: understood\n" {
		t.Fatalf("the stream begins with %q, %v", first, err)
	}
	close(goOn)
	if rest, err := io.ReadAll(stream); err != nil || string(rest) != "\nevent: done\n\n" {
		t.Errorf("the stream goes on with %q, %v", rest, err)
	}
}

func TestAClientThatLeavesAStreamEndsItUpstream(t *testing.T) {
	t.Parallel()
	begun, left := make(chan struct{}), make(chan struct{})
	chat := standIn(t, map[string]http.HandlerFunc{"GET /api/chat/stream": func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		close(begun)
		<-r.Context().Done()
		close(left)
	}})
	address := startFrontend(t, map[string]string{"CHAT_URL": chat})
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/api/chat/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	<-begun
	leave()
	<-left
}

func TestAnAbsentFunctionIsA503ThatSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, startFrontend(t, nil))
	for _, path := range []string{"/api/todos", "/api/chat", "/api/health/todo", "/api/health/chat", "/openapi.json", "/mcp"} {
		got := v.ask("GET", path, "")
		got.check(t, http.StatusServiceUnavailable, "try again in a moment")
		if got.Header.Get("Retry-After") != "1" {
			t.Errorf("%s has Retry-After %q, want 1", path, got.Header.Get("Retry-After"))
		}
	}
	v.ask("GET", "/api/health", "").check(t, http.StatusOK, "")
	v.ask("GET", "/", "").check(t, http.StatusOK, "")
}

func TestTheFunctionsAreWokenTogether(t *testing.T) {
	t.Parallel()
	arrived, goOn := make(chan string, 2), make(chan struct{})
	waking := func(name string) string {
		return standIn(t, map[string]http.HandlerFunc{"GET /readyz": func(_ http.ResponseWriter, r *http.Request) {
			arrived <- name
			select {
			case <-goOn:
			case <-r.Context().Done():
			}
		}})
	}
	startFrontend(t, map[string]string{"TODO_URL": waking("todo"), "CHAT_URL": waking("chat")})
	if first, second := <-arrived, <-arrived; first == second {
		t.Errorf("%s is woken twice, want each once", first)
	}
	close(goOn)
}

func TestWrongSettingsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	for want, settings := range map[string]map[string]string{
		"TODO_URL":                      {"CHAT_URL": nowhere},
		"CHAT_URL":                      {"TODO_URL": nowhere},
		"read TODO_URL: it must look":   {"TODO_URL": "todo:8000", "CHAT_URL": nowhere},
		"read PUBLIC_URL: it must look": {"TODO_URL": nowhere, "CHAT_URL": nowhere, "PUBLIC_URL": "todo.example"},
	} {
		settings["PORT"], settings["HOST"], settings["LOG_LEVEL"] = "0", "127.0.0.1", "ERROR+4"
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := run(ctx, nil, func(name string) string { return settings[name] }, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with %v it says %v, want %q in it", settings, err, want)
		}
	}
	if err := run(t.Context(), []string{"serve"}, func(string) string { return "" }, nil); err == nil || !strings.Contains(err.Error(), `unknown argument "serve"`) {
		t.Errorf("with an argument it says %v", err)
	}
}
