package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	todo := standIn(t, map[string]http.HandlerFunc{"GET /api/todos": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }})
	v := newVisitor(t, startFrontend(t, map[string]string{"TODO_URL": todo}))
	for name, got := range map[string]answer{
		"the page":         v.ask("GET", "/", ""),
		"a script":         v.ask("GET", "/app.js", ""),
		"an API answer":    v.ask("GET", "/api/todos", ""),
		"nothing":          v.ask("GET", "/nothing", ""),
		"a wrong method":   v.ask("POST", "/style.css", ""),
		"another site":     v.ask("POST", "/session", "{}", "Sec-Fetch-Site: cross-site"),
		"an absent chat":   v.ask("GET", "/api/chat", ""),
		"an unclean path":  v.ask("GET", "/api//todos", ""),
		"not modified":     v.ask("GET", "/app.js", "", "If-None-Match: "+v.ask("GET", "/app.js", "").Header.Get("ETag")),
		"signing out":      v.ask("DELETE", "/session", ""),
		"the health of us": v.ask("GET", "/api/health", ""),
	} {
		for header, want := range map[string]string{
			"Content-Security-Policy":      policy,
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
		} {
			if values := got.Header.Values(header); len(values) != 1 || values[0] != want {
				t.Errorf("%s has %s %q, want %q", name, header, values, want)
			}
		}
	}
}

func TestThePolicyLetsInNothingButOurOwn(t *testing.T) {
	t.Parallel()
	directives := make(map[string]string)
	for directive := range strings.SplitSeq(policy, ";") {
		name, sources, _ := strings.Cut(strings.TrimSpace(directive), " ")
		directives[name] = sources
	}
	for name, want := range map[string]string{
		"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "connect-src": "'self'", "base-uri": "'none'",
		"form-action": "'self'", "frame-ancestors": "'none'", "require-trusted-types-for": "'script'", "trusted-types": "'none'",
	} {
		if got := directives[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, hole := range []string{"unsafe", "*", "http:", "https:", "blob:"} {
		if strings.Contains(policy, hole) {
			t.Errorf("the policy %q has the hole %s", policy, hole)
		}
	}
}

func TestEveryPartOfThePageIsServed(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, startFrontend(t, nil))
	files, err := readFiles()
	if err != nil {
		t.Fatal(err)
	}
	for path, f := range files {
		got := v.ask("GET", path, "")
		got.check(t, http.StatusOK, "")
		if got.body != string(f.body) || got.Header.Get("Content-Type") != f.contentType || f.contentType == "" {
			t.Errorf("%s is %d bytes of %q, want %d of %q", path, len(got.body), got.Header.Get("Content-Type"), len(f.body), f.contentType)
		}
	}
	if got := v.ask("HEAD", "/", ""); got.StatusCode != http.StatusOK || got.body != "" || got.ContentLength != int64(len(files["/"].body)) {
		t.Errorf("HEAD / answers %d with %d bytes of %d, want 200 with none of %d", got.StatusCode, len(got.body), got.ContentLength, len(files["/"].body))
	}
}

func TestAPartThatHasNotChangedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, startFrontend(t, nil))
	first := v.ask("GET", "/style.css", "")
	first.check(t, http.StatusOK, "")
	tag := first.Header.Get("ETag")
	if tag == "" || first.Header.Get("Cache-Control") != "no-cache" || first.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("the style sheet has ETag %q, Cache-Control %q, Vary %q; want a tag, no-cache, Accept-Encoding",
			tag, first.Header.Get("Cache-Control"), first.Header.Get("Vary"))
	}
	again := v.ask("GET", "/style.css", "", `If-None-Match: "other", `+tag)
	if again.StatusCode != http.StatusNotModified || again.body != "" || again.Header.Get("ETag") != tag || again.Header.Get("Vary") == "" {
		t.Errorf("asked again it answers %d with %d bytes and ETag %q, want 304, none, %q", again.StatusCode, len(again.body), again.Header.Get("ETag"), tag)
	}
	v.ask("GET", "/style.css", "", `If-None-Match: "other"`).check(t, http.StatusOK, "")
}

func TestPartsAreZippedForThoseWhoTakeIt(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, startFrontend(t, nil))
	plain := v.ask("GET", "/vendor/preact.js", "")
	zipped := v.ask("GET", "/vendor/preact.js", "", "Accept-Encoding: br, gzip")
	if plain.Header.Get("Content-Encoding") != "" || zipped.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("the encodings are %q and %q, want none and gzip", plain.Header.Get("Content-Encoding"), zipped.Header.Get("Content-Encoding"))
	}
	reader, err := gzip.NewReader(bytes.NewBufferString(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if string(unzipped) != plain.body {
		t.Error("unzipped it differs from what is sent plain")
	}
	if len(zipped.body) > 10<<10 {
		t.Errorf("the vendored code is %d bytes zipped, want at most 10 KiB", len(zipped.body))
	}
	if got := v.ask("GET", "/vendor/preact.js", "", "Accept-Encoding: gzip;q=0"); got.Header.Get("Content-Encoding") != "" {
		t.Error("it is zipped for somebody who refuses gzip")
	}
}

func TestOtherSitesCannotActWithAVisitorsCookies(t *testing.T) {
	t.Parallel()
	todo := standIn(t, map[string]http.HandlerFunc{
		"/api/": func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Saw", r.Header.Get("Authorization")) },
	})
	address := startFrontend(t, map[string]string{"TODO_URL": todo, "PUBLIC_URL": "https://todo.example, http://todo.test:8080"})
	for _, c := range []struct {
		name, method, path string
		headers            []string
		status             int
	}{
		{"another site posts", "POST", "/api/todos", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"a sibling site posts", "POST", "/api/todos", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"another site deletes", "DELETE", "/api/todos/1", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"another site patches", "PATCH", "/api/todos/1", []string{"Origin: https://evil.example"}, 403},
		{"another site signs in", "POST", "/session", []string{"Origin: https://evil.example"}, 403},
		{"another site signs out", "DELETE", "/session", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"another site talks", "POST", "/mcp", []string{"Origin: null"}, 403},
		{"a name like ours", "POST", "/api/todos", []string{"Origin: https://todo.example.evil"}, 403},
		{"our name on another port", "POST", "/api/todos", []string{"Origin: http://todo.test:8081"}, 403},
		{"our page", "POST", "/api/todos", []string{"Sec-Fetch-Site: same-origin"}, 200},
		{"our page in an old browser", "POST", "/api/todos", []string{"Origin: " + address}, 200},
		{"our page under a public name", "POST", "/api/todos", []string{"Origin: https://todo.example", "Sec-Fetch-Site: cross-site"}, 200},
		{"our page under the other public name", "DELETE", "/api/todos/1", []string{"Origin: http://todo.test:8080"}, 200},
		{"no browser", "POST", "/api/todos", nil, 200},
		{"another site reads", "GET", "/api/todos", []string{"Sec-Fetch-Site: cross-site"}, 200},
		{"a script with a token posts", "POST", "/api/todos", []string{"Sec-Fetch-Site: cross-site", "Authorization: Bearer its-own"}, 200},
		{"a script with a token deletes", "DELETE", "/api/todos/1", []string{"Origin: https://evil.example", "Authorization: Bearer its-own"}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := newVisitor(t, address)
			v.holds("access", "the-visitors")
			got := v.ask(c.method, c.path, "", c.headers...)
			got.check(t, c.status, "another site")
			if saw := got.Header.Get("Saw"); strings.Contains(strings.Join(c.headers, " "), "its-own") && saw != "Bearer its-own" {
				t.Errorf("the function sees %q, want the token that was sent", saw)
			}
		})
	}
}
