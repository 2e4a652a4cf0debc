package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/web"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func serve(t *testing.T, h http.Handler, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestEveryKindOfFaultHasItsStatus(t *testing.T) {
	t.Parallel()
	for kind, want := range map[fault.Kind]int{
		fault.Malformed: 400, fault.Unauthenticated: 401, fault.NotFound: 404, fault.Conflict: 409, fault.Stale: 412,
		fault.TooLarge: 413, fault.Invalid: 422, fault.KeyReused: 422, fault.Internal: 500, fault.Unavailable: 503,
	} {
		w := httptest.NewRecorder()
		f := fault.New(kind, "what to do")
		f.RetryAfter = 1500 * time.Millisecond
		web.Fail(w, httptest.NewRequest("GET", "/", nil), fmt.Errorf("context: %w", f.Because(errors.New("internal detail"))))
		if w.Code != want || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Retry-After") != "2" {
			t.Errorf("%s: %d %v, want %d as a problem with Retry-After 2", kind, w.Code, w.Header(), want)
		}
		if strings.Contains(w.Body.String(), "internal detail") || !strings.Contains(w.Body.String(), web.ProblemType(kind)) {
			t.Errorf("%s: %s", kind, w.Body)
		}
	}
	w := httptest.NewRecorder()
	web.Fail(w, httptest.NewRequest("GET", "/", nil), errors.New("password=hunter2"))
	if w.Code != 500 || strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("an error without a kind: %d %s, want 500 and no detail", w.Code, w.Body)
	}
}

func TestAPathIsServedAsItIsOrNotAtAll(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /a/{x}", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.PathValue("x")) })
	mux.HandleFunc("POST /a/{x}", func(http.ResponseWriter, *http.Request) {})
	h := web.Route(mux)
	for target, want := range map[string]int{
		"/a/b": 200, "/a/b/": 200, "/a/b//": 404, "//a/b": 404, "/a//b": 404, "/a/./b": 404, "/a/../a/b": 404, "/a": 404, "/": 404, "/a/b/c": 404, "/a/%2e%2e": 404, "/a/b%2Fc": 200,
	} {
		if w := serve(t, h, "GET", target); w.Code != want || w.Header().Get("Location") != "" {
			t.Errorf("GET %s: %d %q, want %d and no redirect", target, w.Code, w.Header().Get("Location"), want)
		}
	}
	if w := serve(t, h, "DELETE", "/a/b/"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("DELETE: %d %v, want 405 with Allow", w.Code, w.Header())
	}
}

func TestARequestIsLoggedOnceWithoutWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h := web.Observe(slog.New(slog.NewJSONHandler(&out, nil)), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.Fail(w, r, fmt.Errorf("read row: %w", fault.New(fault.Unavailable, "try again")))
	}))
	w := serve(t, h, "GET", "/api/todos?q=my+secret")
	line := out.String()
	for _, want := range []string{`"method":"GET"`, `"path":"/api/todos"`, `"status":503`, `"error":"read row`, `"request_id":"` + w.Header().Get("X-Request-Id") + `"`} {
		if !strings.Contains(line, want) {
			t.Errorf("the line %s lacks %s", line, want)
		}
	}
	if strings.Contains(line, "secret") || strings.Count(line, "\n") != 1 {
		t.Errorf("want one line without the query, got %s", line)
	}
}

func TestARequestKeepsItsId(t *testing.T) {
	t.Parallel()
	h := web.Observe(quiet(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, web.RequestID(r.Context()))
	}))
	for sent, kept := range map[string]bool{"0123-abcd_EF": true, "short": false, "with space in it": false, strings.Repeat("x", 65): false, "line\nbreak-in-it": false} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Request-Id"] = []string{sent}
		h.ServeHTTP(w, r)
		got := w.Header().Get("X-Request-Id")
		if (got == sent) != kept || got == "" || got != w.Body.String() {
			t.Errorf("sent id %q, answered %q, handler saw %q, want it kept: %t", sent, got, w.Body, kept)
		}
	}
}

func TestAPanicIsAProblemUnlessTheAnswerHadBegun(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(web.Observe(quiet(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
		}
		panic("boom")
	})))
	defer server.Close()
	early, err := http.Get(server.URL + "/early")
	if err != nil || early.StatusCode != 500 || early.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a panic before the answer: %v, %v, want a problem", early, err)
	}
	late, err := http.Get(server.URL + "/late")
	if err == nil {
		_, err = io.ReadAll(late.Body)
	}
	if err == nil {
		t.Error("a panic within the answer looks like a whole answer")
	}
}

// TestRequestsThatComeBeforeTheProgramIsBuiltWait connects as soon as the port
// is open, then lets Build finish.
func TestRequestsThatComeBeforeTheProgramIsBuiltWait(t *testing.T) {
	t.Parallel()
	addr, build, closed := make(chan net.Addr, 1), make(chan struct{}), make(chan struct{})
	program := web.Program{Addr: "127.0.0.1:0", Log: quiet()}
	program.Build = func(_ context.Context, a net.Addr) (http.Handler, io.Closer, error) {
		addr <- a
		<-build
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }),
			web.Closers{func() error { close(closed); return nil }}, nil
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- program.Run(ctx) }()
	url := "http://" + (<-addr).String()
	var early sync.WaitGroup
	for _, path := range []string{"/", "/readyz"} {
		early.Go(func() {
			response, err := http.Get(url + path)
			if want := map[string]int{"/": http.StatusTeapot, "/readyz": 200}[path]; err != nil || response.StatusCode != want {
				t.Errorf("GET %s while it was being built: %v, %v, want %d", path, response, err, want)
			}
		})
	}
	close(build)
	early.Wait()
	stop()
	if err := <-done; err != nil {
		t.Errorf("stop: %v", err)
	}
	<-closed
}

func TestADrainingProgramAnswersWhatItTookAndAsksConnectionsToClose(t *testing.T) {
	t.Parallel()
	ready, entered, finish := make(chan net.Addr, 1), make(chan struct{}), make(chan struct{})
	program := web.Program{Addr: "127.0.0.1:0", Log: quiet(), Linger: 300 * time.Millisecond, Ready: func(a net.Addr) { ready <- a }}
	program.Build = func(context.Context, net.Addr) (http.Handler, io.Closer, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				close(entered)
				<-finish
			}
			_, _ = io.WriteString(w, "whole")
		}), web.Closers{}, nil
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- program.Run(ctx) }()
	url := "http://" + (<-ready).String()
	slow := make(chan string, 1)
	go func() {
		response, err := http.Get(url + "/slow")
		if err != nil {
			slow <- err.Error()
			return
		}
		body, _ := io.ReadAll(response.Body)
		slow <- string(body)
	}()
	<-entered
	stop()
	for { // readiness goes off while requests are still taken
		response, err := http.Get(url + "/readyz")
		if err != nil {
			t.Fatalf("while lingering: %v", err)
		}
		response.Body.Close()
		if response.StatusCode == http.StatusServiceUnavailable {
			if !response.Close {
				t.Error("a draining program keeps connections open")
			}
			break
		}
	}
	close(finish)
	if got := <-slow; got != "whole" {
		t.Errorf("the accepted request got %q", got)
	}
	if err := <-done; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestHealthIsDegradedWhenADependencyFailsOrHangs(t *testing.T) {
	t.Parallel()
	h := web.CheckHealth(t.Context(), map[string]func(context.Context) error{
		"good":    func(context.Context) error { return nil },
		"bad":     func(context.Context) error { return errors.New("down") },
		"hanging": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	})
	if h.Status != "degraded" || h.Checks["good"] != "ok" || h.Checks["bad"] != "unavailable" || h.Checks["hanging"] != "unavailable" {
		t.Errorf("health = %+v", h)
	}
}
