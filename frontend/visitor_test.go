package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/todochat/todochat/internal/web"
)

// startFrontend runs the frontend in this process, on a free port, in front of
// functions that stand in for the real ones. It returns its address.
func startFrontend(t *testing.T, settings map[string]string) string {
	t.Helper()
	all := map[string]string{
		"HOST": "127.0.0.1", "PORT": "0", "DRAIN_LINGER": "0s", "LOG_LEVEL": "ERROR+4",
		"TODO_URL": nowhere, "CHAT_URL": nowhere,
	}
	for name, value := range settings {
		all[name] = value
	}
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, nil, func(name string) string { return all[name] }, func(a net.Addr) { ready <- "http://" + a.String() })
	}()
	select {
	case address := <-ready:
		t.Cleanup(func() {
			stop()
			if err := <-ended; err != nil {
				t.Errorf("the frontend ends with: %v", err)
			}
		})
		return address
	case err := <-ended:
		stop()
		t.Fatalf("the frontend does not start: %v", err)
		return ""
	}
}

// nowhere is an address at which nothing listens: port 0 cannot be.
const nowhere = "http://127.0.0.1:0"

// standIn is a function that says what a test wants, and nothing else.
func standIn(t *testing.T, answers map[string]http.HandlerFunc) string {
	t.Helper()
	mux := http.NewServeMux()
	if answers["GET /readyz"] == nil {
		mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	}
	for pattern, answer := range answers {
		mux.HandleFunc(pattern, answer)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// visitor is somebody with a browser's cookies, but none of its manners.
type visitor struct {
	t       *testing.T
	address string
	client  *http.Client
}

func newVisitor(t *testing.T, address string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{t, address, &http.Client{Jar: jar, Transport: transport}}
}

// answer is a whole answer.
type answer struct {
	*http.Response
	body string
}

// ask sends a request with headers, NAME: VALUE each, and reads the answer. A
// body is JSON.
func (v *visitor) ask(method, path, body string, headers ...string) answer {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), method, v.address+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := v.client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{response, string(read)}
}

// holds gives the visitor a cookie.
func (v *visitor) holds(kind, value string) {
	v.t.Helper()
	at, err := url.Parse(v.address)
	if err != nil {
		v.t.Fatal(err)
	}
	v.client.Jar.SetCookies(at, []*http.Cookie{{Name: "todochat_" + kind + "_" + at.Port(), Value: value, Path: "/"}})
}

// cookie is what the visitor holds of a kind; empty if nothing.
func (v *visitor) cookie(kind string) string {
	v.t.Helper()
	at, err := url.Parse(v.address)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range v.client.Jar.Cookies(at) {
		if c.Name == "todochat_"+kind+"_"+at.Port() {
			return c.Value
		}
	}
	return ""
}

// check fails the test unless the answer has the status and, if it is an
// error, is a problem whose detail contains text.
func (a answer) check(t *testing.T, status int, text string) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s answers %d, want %d\n%s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.body)
	}
	if status < 400 {
		return
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%s %s fails with a %s, want a problem", a.Request.Method, a.Request.URL.Path, got)
	}
	var p web.Problem
	if err := json.UnmarshalRead(bytes.NewBufferString(a.body), &p); err != nil {
		t.Fatalf("read the problem: %v\n%s", err, a.body)
	}
	if p.Status != status || p.Type == "" || p.Title == "" || !strings.Contains(p.Detail, text) {
		t.Errorf("the problem is %+v, want status %d and a detail with %q", p, status, text)
	}
}
