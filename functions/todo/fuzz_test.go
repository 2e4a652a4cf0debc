package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/todochat/todochat/internal/contract"
	"github.com/todochat/todochat/internal/pgtest"
)

// Each of these sends what the fuzzer makes up to the function on a real
// database: whatever it is, it is understood or refused, and never our failure.
// make fuzz looks for a minute each; the seeds run with the other tests.

// probe sends one request and fails for a status that says that we failed.
func (s *server) probe(t *testing.T, token, method, target, contentType string, body []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+target, bytes.NewReader(body))
	if err != nil {
		return // no client can send that
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s %s %q: %v", method, target, body, err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode >= 500 {
		t.Errorf("%s %s %q: %d %s", method, target, body, response.StatusCode, text)
	} else if len(text) > 0 && !jsontext.Value(text).IsValid() {
		t.Errorf("%s %s %q: %d with %q, which is no JSON", method, target, body, response.StatusCode, text)
	}
}

func FuzzMergePatch(f *testing.F) {
	s := startWithDatabase(f)
	token := s.token(f)
	s.want(f, 201, token, "POST", "/api/todos", `{"title":"milk"}`)
	for _, seed := range []string{
		`{}`, `{"title":"x"}`, `{"title":null}`, `{"due":null}`, `{"due":"2026-02-30"}`, `{"due":"2026-02-01T25:00:00Z"}`, `{"tags":["a","a"]}`, `{"tags":[null]}`,
		`{"status":"completed","status":"pending"}`, `{"TITLE":"x"}`, `{"priority":3}`, `[]`, `null`, `{"title":"\ud800"}`, `{"description":"\u0000"}`, "{\"title\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s.probe(t, token, "PATCH", "/api/todos/1", "application/merge-patch+json", body)
	})
}

func FuzzCursor(f *testing.F) {
	s := startWithDatabase(f)
	token := s.token(f)
	s.want(f, 200, token, "POST", "/api/todos/batch", `{"operations":[{"op":"create","todo":{"title":"a","due":"2026-02-01"}},{"op":"create","todo":{"title":"b"}}]}`)
	for _, sort := range []string{"created", "due", "priority", "title"} {
		page := s.want(f, 200, token, "GET", "/api/todos?limit=1&sort="+sort, "")
		f.Add(page.str("next_cursor"), sort)
	}
	f.Add("eyJzIjoiZHVlIiwibiI6MX0", "due")
	f.Add("", "title")
	f.Fuzz(func(t *testing.T, cursor, sort string) {
		s.probe(t, token, "GET", "/api/todos?"+url.Values{"cursor": {cursor}, "sort": {sort}}.Encode(), "", nil)
	})
}

func FuzzQuery(f *testing.F) {
	s := startWithDatabase(f)
	token := s.token(f)
	s.want(f, 201, token, "POST", "/api/todos", `{"title":"milk","due":"2026-02-01"}`)
	for _, seed := range []string{
		"limit=1", "limit=0", "limit=99999999999999999999", "q=%00", "q=milk+bread&tag=%F0%9F%8E%89", "due=overdue&due_before=2026-02-01", "due_after=9999-12-31T23:59:59%2B23:59",
		"sort=title&order=desc", "status=pending&status=completed", "q=%25_%5C", "nothing=1", "limit", "&&=;", "%zz",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if strings.ContainsAny(query, "#\r\n \x7f") {
			return
		}
		s.probe(t, token, "GET", "/api/todos?"+query, "", nil)
	})
}

func FuzzEventBody(f *testing.F) {
	i := newIssuer(f)
	s := start(f, map[string]string{
		"DATABASE_URL": pgtest.New(f).Todo, "EVENT_ISSUER": eventIssuer, "EVENT_AUDIENCE": eventAudience, "EVENT_KEYS": i.file, "EVENT_SENDERS": "shop=*",
	})
	account := s.signUp(f).body["account"].(map[string]any)["id"].(string)
	token := i.token("shop", nil)
	for _, seed := range []string{
		`{"specversion":"1.0","id":"1","source":"/s","type":"dev.todochat.todo.create.requested.v1","data":{"account":"` + account + `","todo":{"title":"milk"}}}`,
		`{"specversion":"1.0","id":"1","source":"/s","type":"dev.todochat.todo.create.requested.v1","data_base64":"e30="}`,
		`{"specversion":"0.3","id":"1","source":"/s","type":"t"}`, `{"specversion":"1.0"}`, `{}`, `[]`, ``, `{"specversion":"1.0","id":"","source":"%","type":"t","time":"x"}`,
	} {
		f.Add("application/cloudevents+json", []byte(seed))
	}
	f.Add("application/json", []byte(`{"account":"x"}`))
	f.Add("application/cloudevents-batch+json", []byte(`[]`))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		if strings.ContainsFunc(contentType, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
			return
		}
		s.probe(t, token, "POST", "/", contentType, body)
	})
}

// TestTenThousandRequestsAreUnderstoodOrRefused sends requests that are made of
// our own contract; the client checks each answer against it.
func TestTenThousandRequestsAreUnderstoodOrRefused(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"DATABASE_URL": pgtest.New(t).Todo, "STREAM_LIFE": "20ms"})
	const requests, clients = 10_000, 4
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() {
			f := contract.NewFuzzer(t, s.url, "/openapi.json", uint64(n))
			token := s.token(t)
			statuses := make(map[int]int)
			for i := range requests / clients {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				request, op := f.Next(ctx)
				request.Header.Set("Authorization", "Bearer "+token)
				response, err := s.client.Do(request)
				if err != nil {
					t.Errorf("%s %s: %v", op, request.URL, err)
				} else {
					text, _ := io.ReadAll(response.Body)
					response.Body.Close()
					statuses[response.StatusCode]++
					if response.StatusCode >= 500 {
						t.Errorf("%s %s: %d %s", op, request.URL, response.StatusCode, text)
					}
				}
				cancel()
				if i%100 == 0 || strings.HasSuffix(op, "/logout") {
					token = s.token(t)
				}
			}
			t.Logf("the answers: %v", statuses)
		})
	}
	all.Wait()
}
