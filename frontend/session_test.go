package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/todochat/todochat/internal/stacktest"
)

func TestTheCookieBecomesABearerOnlyWithoutAuthorization(t *testing.T) {
	t.Parallel()
	echo := func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Header.Get("Authorization")) }
	functions := standIn(t, map[string]http.HandlerFunc{"/": echo})
	v := newVisitor(t, startFrontend(t, map[string]string{"TODO_URL": functions, "CHAT_URL": functions}))
	if got := v.ask("GET", "/api/todos", "").body; got != "" {
		t.Errorf("without a cookie the function sees %q, want nothing", got)
	}
	v.holds("access", "the-cookies")
	for path, want := range map[string]string{
		"/api/todos": "Bearer the-cookies", "/api/chat": "Bearer the-cookies", "/api/auth/me": "Bearer the-cookies",
		// Only people use the page's cookies: these are for programs and for everybody.
		"/mcp": "", "/openapi.json": "", "/.well-known/jwks.json": "", "/api/health/todo": "",
	} {
		if got := v.ask("GET", path, "").body; got != want {
			t.Errorf("%s: with the cookie the function sees %q, want %q", path, got, want)
		}
	}
	for path, method := range map[string]string{"/api/todos": "GET", "/mcp": "POST"} {
		if got := v.ask(method, path, "", "Authorization: Bearer my-own").body; got != "Bearer my-own" {
			t.Errorf("%s: with both the function sees %q, want what was sent", path, got)
		}
	}
}

func TestTheCookieItselfNeverTravelsOn(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := make(map[string]string)
	functions := standIn(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Method+" "+r.URL.Path] = r.Header.Get("Cookie")
		_, _ = io.WriteString(w, `{}`)
	}})
	v := newVisitor(t, startFrontend(t, map[string]string{"TODO_URL": functions, "CHAT_URL": functions}))
	v.holds("access", "secret")
	for path, method := range map[string]string{
		"/api/todos": "GET", "/api/chat": "POST", "/mcp": "POST", "/openapi.json": "GET", "/.well-known/jwks.json": "GET",
		"/api/health/chat": "GET", "/session": "POST", "/session/register": "POST",
	} {
		v.ask(method, path, "")
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 8 {
		t.Errorf("the functions saw %d requests, want 8: %v", len(seen), seen)
	}
	for request, cookie := range seen {
		if cookie != "" {
			t.Errorf("%s carries the cookie on: %s", request, cookie)
		}
	}
}

const granted = `{"access_token":"%[1]s-access","token_type":"Bearer","expires_in":900,"refresh_token":"%[1]s-refresh","account":{"id":"1","name":"Ada"}}`

// roundTrip is a transport that a test writes.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRequestsOfOneSessionShareOneRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, err := newFrontend(config{TodoURL: "http://todo", ChatURL: "http://chat"}, &net.TCPAddr{Port: 3000})
		if err != nil {
			t.Fatal(err)
		}
		goOn := make(chan struct{})
		var mu sync.Mutex
		refreshed := make(map[string]int) // by refresh token
		f.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			answer := httptest.NewRecorder()
			if r.URL.Path != "/api/auth/refresh" {
				_, _ = io.WriteString(answer, r.Header.Get("Authorization"))
				return answer.Result(), nil
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			mu.Lock()
			refreshed[string(body)]++
			mu.Unlock()
			<-goOn
			name := "ada"
			if strings.Contains(string(body), "bob") {
				name = "bob"
			}
			_, _ = fmt.Fprintf(answer, granted, name)
			return answer.Result(), nil
		})
		handler := f.handler()

		var all sync.WaitGroup
		answers := make([]*httptest.ResponseRecorder, 16)
		for i := range answers {
			answers[i] = httptest.NewRecorder()
			name := []string{"ada", "bob"}[i%2]
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/todos", nil)
			request.AddCookie(&http.Cookie{Name: f.cookies.refresh, Value: "old-" + name})
			all.Go(func() { handler.ServeHTTP(answers[i], request) })
		}
		synctest.Wait() // until every request waits for a refresh
		close(goOn)
		all.Wait()

		if len(refreshed) != 2 || refreshed[`{"refresh_token":"old-ada"}`] != 1 || refreshed[`{"refresh_token":"old-bob"}`] != 1 {
			t.Errorf("todo was asked %v, want once for each session", refreshed)
		}
		for i, got := range answers {
			name := []string{"ada", "bob"}[i%2]
			if got.Body.String() != "Bearer "+name+"-access" {
				t.Errorf("request %d goes on with %q, want the token of %s", i, got.Body, name)
			}
			if cookies := strings.Join(got.Header().Values("Set-Cookie"), "\n"); !strings.Contains(cookies, "todochat_access_3000="+name+"-access; Path=/; Max-Age=840; HttpOnly; SameSite=Lax") ||
				!strings.Contains(cookies, "todochat_refresh_3000="+name+"-refresh; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax") {
				t.Errorf("request %d hands the browser:\n%s", i, cookies)
			}
		}
	})
}

func TestAClientThatLeavesDoesNotSpoilTheRefreshOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, err := newFrontend(config{TodoURL: "http://todo", ChatURL: "http://chat"}, &net.TCPAddr{Port: 3000})
		if err != nil {
			t.Fatal(err)
		}
		goOn := make(chan struct{})
		f.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			answer := httptest.NewRecorder()
			if r.URL.Path == "/api/auth/refresh" {
				select {
				case <-goOn:
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
				_, _ = fmt.Fprintf(answer, granted, "ada")
			}
			return answer.Result(), nil
		})
		handler := f.handler()
		ctx, leave := context.WithCancel(t.Context())
		ask := func(ctx context.Context, answer http.ResponseWriter) {
			request := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/todos", nil)
			request.AddCookie(&http.Cookie{Name: f.cookies.refresh, Value: "old"})
			handler.ServeHTTP(answer, request)
		}
		first, second := httptest.NewRecorder(), httptest.NewRecorder()
		var all sync.WaitGroup
		all.Go(func() { ask(ctx, first) })
		synctest.Wait() // until the first leads the refresh
		all.Go(func() { ask(t.Context(), second) })
		synctest.Wait()
		leave()
		synctest.Wait()
		close(goOn)
		all.Wait()
		if second.Code != http.StatusOK || len(second.Header().Values("Set-Cookie")) != 2 {
			t.Errorf("who stays is answered %d with cookies %v, want 200 and both", second.Code, second.Header().Values("Set-Cookie"))
		}
	})
}

func TestARefusedRefreshSignsOut(t *testing.T) {
	t.Parallel()
	todo := standIn(t, map[string]http.HandlerFunc{"POST /api/auth/refresh": refuse})
	v := newVisitor(t, startFrontend(t, map[string]string{"TODO_URL": todo}))
	v.holds("refresh", "revoked")
	got := v.ask("GET", "/api/todos", "")
	got.check(t, http.StatusUnauthorized, "session has ended")
	if v.cookie("refresh") != "" || len(got.Header.Values("Set-Cookie")) != 2 {
		t.Errorf("the browser still holds %q after %q, want both cookies cleared", v.cookie("refresh"), got.Header.Values("Set-Cookie"))
	}
}

func refuse(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("WWW-Authenticate", "Bearer")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, `{"type":"urn:todochat:problem:unauthenticated","title":"Unauthorized","status":401,"detail":"this session has ended"}`)
}

func TestAnAbsentTodoKeepsTheSession(t *testing.T) {
	t.Parallel()
	overloaded := standIn(t, map[string]http.HandlerFunc{"/api/": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"type":"t","title":"t","status":503,"detail":"no room"}`)
	}})
	for name, c := range map[string]struct{ todo, detail, wait string }{
		"it is away":       {nowhere, "does not answer right now", "1"},
		"it is overloaded": {overloaded, "no room", "7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVisitor(t, startFrontend(t, map[string]string{"TODO_URL": c.todo}))
			v.holds("refresh", "mine")
			for _, request := range []string{"GET /api/todos", "POST /api/chat", "DELETE /session"} {
				method, path, _ := strings.Cut(request, " ")
				got := v.ask(method, path, "")
				got.check(t, http.StatusServiceUnavailable, c.detail)
				if got.Header.Get("Retry-After") != c.wait || len(got.Header.Values("Set-Cookie")) > 0 {
					t.Errorf("%s has Retry-After %q and sets %q, want %s and nothing", request,
						got.Header.Get("Retry-After"), got.Header.Values("Set-Cookie"), c.wait)
				}
			}
			if v.cookie("refresh") != "mine" {
				t.Error("the browser has lost its session")
			}
		})
	}
}

func TestNobodyIsToldThatTheyAreSignedOutWhenTheyAreNot(t *testing.T) {
	t.Parallel()
	var ended atomic.Bool // the session whose access token alone is refused
	t.Cleanup(func() {
		if !ended.Load() {
			t.Error("a session lives on after its sign-out")
		}
	})
	for name, c := range map[string]struct {
		todo   string
		status int
		left   string
	}{
		"todo is away":        {nowhere, http.StatusServiceUnavailable, "mine"},
		"todo ends it":        {standIn(t, map[string]http.HandlerFunc{"POST /api/auth/logout": noContent}), http.StatusNoContent, ""},
		"it had ended before": {standIn(t, map[string]http.HandlerFunc{"POST /api/auth/logout": refuse, "POST /api/auth/refresh": refuse}), http.StatusNoContent, ""},
		"its access token alone is refused": {standIn(t, map[string]http.HandlerFunc{
			"POST /api/auth/logout": func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") == "Bearer mine" {
					refuse(w, r)
					return
				}
				ended.Store(true)
				noContent(w, r)
			},
			"POST /api/auth/refresh": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, granted, "ada") },
		}), http.StatusNoContent, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVisitor(t, startFrontend(t, map[string]string{"TODO_URL": c.todo}))
			v.holds("access", "mine")
			v.holds("refresh", "mine")
			v.ask("DELETE", "/session", "").check(t, c.status, "")
			if v.cookie("access") != c.left || v.cookie("refresh") != c.left {
				t.Errorf("the browser holds %q and %q, want %q", v.cookie("access"), v.cookie("refresh"), c.left)
			}
		})
	}
}

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func TestCookiesAreSecureExactlyWhereTheBrowserSpeaksHTTPS(t *testing.T) {
	t.Parallel()
	todo := standIn(t, map[string]http.HandlerFunc{"POST /api/auth/login": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, granted, "ada") }})
	for _, c := range []struct {
		name, public string
		headers      []string
		want         bool
	}{
		{"plain http", "", nil, false},
		{"a proxy that says https", "", []string{"X-Forwarded-Proto: https"}, true},
		{"a proxy that says http", "", []string{"X-Forwarded-Proto: http"}, false},
		{"public https", "https://todo.example", nil, true},
		{"public http", "http://todo.test:8080", []string{"X-Forwarded-Proto: https"}, false},
		{"the second public origin", "https://todo.example,http://todo.test", []string{"Origin: http://todo.test"}, false},
		{"the first public origin", "https://todo.example,http://todo.test", []string{"Origin: https://todo.example"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := newVisitor(t, startFrontend(t, map[string]string{"TODO_URL": todo, "PUBLIC_URL": c.public}))
			got := v.ask("POST", "/session", `{"email":"a@b.example","password":"12345678"}`, c.headers...)
			got.check(t, http.StatusOK, "")
			if got.Header.Get("Cache-Control") != "no-store" || strings.Contains(got.body, "token") || !strings.Contains(got.body, "Ada") {
				t.Errorf("signing in answers %s with Cache-Control %q, want the account, no token, no-store", got.body, got.Header.Get("Cache-Control"))
			}
			cookies := got.Cookies()
			if len(cookies) != 2 {
				t.Fatalf("signing in sets %d cookies, want 2", len(cookies))
			}
			for _, cookie := range cookies {
				if cookie.Secure != c.want || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" {
					t.Errorf("it sets %v, want Secure=%t, HttpOnly, Lax, /", cookie, c.want)
				}
			}
		})
	}
}

func TestARefusalOfTodoReachesThePersonAsItIs(t *testing.T) {
	stack := stacktest.New(t)
	v := newVisitor(t, stack.Frontend.URL)
	got := v.ask("POST", "/session/register", `{"email":"ada@example.com","password":"short","name":"Ada"}`)
	got.check(t, http.StatusUnprocessableEntity, "")
	if !strings.Contains(got.body, `"body.password"`) || strings.Contains(got.body, "short") && strings.Contains(got.body, `"short"`) {
		t.Errorf("a short password is refused with %s, want the place and not the value", got.body)
	}
	v.ask("POST", "/session", `{"email":"nobody@example.com","password":"correct horse"}`).check(t, http.StatusUnauthorized, "")
	v.ask("POST", "/session", `{`).check(t, http.StatusBadRequest, "")
	v.ask("POST", "/session", "email=a", "Content-Type: application/x-www-form-urlencoded").check(t, http.StatusUnsupportedMediaType, "")
	v.ask("POST", "/session", `{"email":"`+strings.Repeat("a", 17<<10)+`"}`).check(t, http.StatusRequestEntityTooLarge, "16 KiB")
	if v.cookie("access") != "" {
		t.Error("a refused sign-in leaves a cookie")
	}
}

func TestASessionLivesOnInItsCookiesAlone(t *testing.T) {
	stack := stacktest.New(t)
	v := newVisitor(t, stack.Frontend.URL)
	v.ask("GET", "/api/auth/me", "").check(t, http.StatusUnauthorized, "")
	v.ask("POST", "/session/register", `{"email":"ada@example.com","password":"correct horse","name":"Ada"}`).check(t, http.StatusOK, "")
	v.ask("POST", "/api/todos", `{"title":"one"}`).check(t, http.StatusCreated, "")

	old := v.cookie("refresh")
	v.holds("access", "") // as if the browser had let it expire
	v.ask("GET", "/api/todos", "").check(t, http.StatusOK, "")
	if v.cookie("access") == "" || v.cookie("refresh") == old {
		t.Error("a request without an access token does not refresh the session")
	}

	access := v.cookie("access")
	v.ask("DELETE", "/session", "").check(t, http.StatusNoContent, "")
	if v.cookie("access") != "" || v.cookie("refresh") != "" {
		t.Error("signing out leaves a cookie")
	}
	v.ask("GET", "/api/todos", "", "Authorization: Bearer "+access).check(t, http.StatusUnauthorized, "")
	v.ask("DELETE", "/session", "").check(t, http.StatusNoContent, "")
	v.ask("POST", "/session", `{"email":"ada@example.com","password":"correct horse"}`).check(t, http.StatusOK, "")
	if got := v.ask("GET", "/api/todos", ""); !strings.Contains(got.body, `"one"`) {
		t.Errorf("signed in again the list is %s, want the todo in it", got.body)
	}
}
