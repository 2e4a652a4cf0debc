package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/contract"
	"github.com/todochat/todochat/internal/pgtest"
	"github.com/todochat/todochat/internal/web"
)

// server is the function on a real port.
type server struct {
	url    string
	key    string // PEM
	stop   context.CancelFunc
	done   chan error
	client *http.Client
}

// start runs the function until the test ends.
func start(t testing.TB, settings map[string]string) *server {
	t.Helper()
	key, err := account.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{key: key, done: make(chan error, 1)}
	getenv := func(name string) string {
		if value, ok := settings[name]; ok {
			return value
		}
		return map[string]string{
			"HOST": "127.0.0.1", "PORT": "0", "SIGNING_KEY": s.key, "LOG_LEVEL": "error", "DATABASE_EXEC_MODE": pgtest.ExecModes()[0],
		}[name]
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	ready := make(chan net.Addr, 1)
	go func() { s.done <- run(ctx, nil, getenv, func(a net.Addr) { ready <- a }) }()
	select {
	case addr := <-ready:
		s.url = "http://" + addr.String()
	case err := <-s.done:
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		stop()
		if err, ok := <-s.done; ok && err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	s.client = contract.Client(t, s.url+"/openapi.json")
	return s
}

func startWithDatabase(t testing.TB) *server {
	t.Helper()
	return start(t, map[string]string{"DATABASE_URL": pgtest.New(t).Todo})
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

func (a answer) str(name string) string { s, _ := a.body[name].(string); return s }
func (a answer) int(name string) int    { n, _ := a.body[name].(float64); return int(n) }

func (a answer) list(name string) []map[string]any {
	items, _ := a.body[name].([]any)
	out := make([]map[string]any, len(items))
	for i, item := range items {
		out[i], _ = item.(map[string]any)
	}
	return out
}

// header is "Name: value".
func (s *server) call(t testing.TB, token, method, path, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Set(name, value)
	}
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	a := answer{status: response.StatusCode, header: response.Header, text: string(data)}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &a.body); err != nil {
			t.Fatalf("%s %s answers no JSON object: %s", method, path, data)
		}
	}
	if a.status >= 400 && (response.Header.Get("Content-Type") != "application/problem+json" || a.int("status") != a.status || a.str("type") == "" || a.str("detail") == "") {
		t.Errorf("%s %s: %d is no problem: %s %s", method, path, a.status, response.Header.Get("Content-Type"), data)
	}
	return a
}

func (s *server) want(t testing.TB, status int, token, method, path, body string, headers ...string) answer {
	t.Helper()
	a := s.call(t, token, method, path, body, headers...)
	if a.status != status {
		t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.text, status)
	}
	return a
}

// signUp returns the answer to a registration, with its tokens.
func (s *server) signUp(t testing.TB) answer {
	t.Helper()
	return s.want(t, 201, "", "POST", "/api/auth/register",
		fmt.Sprintf(`{"email":"%s@example.com","password":"correct horse","name":"Ada","time_zone":"Europe/Berlin"}`, uuid.New()))
}

func (s *server) token(t testing.TB) string { return s.signUp(t).str("access_token") }

func TestTheMainPathWorksWithCurlAlone(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)

	made := s.want(t, 201, token, "POST", "/api/todos", `{"title":"buy milk","due":"2026-02-01","tags":["home"]}`, "Idempotency-Key: k1")
	if got := s.want(t, 201, token, "POST", "/api/todos", `{"title":"buy milk","due":"2026-02-01","tags":["home"]}`, "Idempotency-Key: k1"); got.text != made.text {
		t.Errorf("the repeated POST answers\n%s\nwant\n%s", got.text, made.text)
	}
	s.want(t, 422, token, "POST", "/api/todos", `{"title":"buy bread"}`, "Idempotency-Key: k1")
	if total := s.want(t, 200, token, "GET", "/api/todos", "").int("total"); total != 1 {
		t.Errorf("%d todos after a repeated POST, want 1", total)
	}

	read := s.want(t, 200, token, "GET", "/api/todos/1", "")
	tag := read.header.Get("ETag")
	if unchanged := s.call(t, token, "GET", "/api/todos/1", "", "If-None-Match: "+tag); unchanged.status != 304 || unchanged.text != "" || unchanged.header.Get("ETag") != tag {
		t.Errorf("If-None-Match %s: %d %q, want 304", tag, unchanged.status, unchanged.text)
	}
	patched := s.want(t, 200, token, "PATCH", "/api/todos/1", `{"priority":"high","due":null}`, "If-Match: "+tag)
	if patched.str("priority") != "high" || patched.body["due"] != nil || patched.str("title") != "buy milk" {
		t.Errorf("patched: %s", patched.text)
	}
	s.want(t, 412, token, "PATCH", "/api/todos/1", `{"priority":"low"}`, "If-Match: "+tag)
	s.want(t, 200, token, "PATCH", "/api/todos/1", `{"priority":"low"}`, "If-Match: *", "Content-Type: application/merge-patch+json")

	replaced := s.want(t, 200, token, "PUT", "/api/todos/1", `{"title":"buy oat milk"}`)
	if replaced.str("priority") != "medium" || len(replaced.body["tags"].([]any)) != 0 {
		t.Errorf("PUT keeps what was not sent: %s", replaced.text)
	}

	batch := s.want(t, 200, token, "POST", "/api/todos/batch", `{"operations":[
		{"op":"create","todo":{"title":"call mum"}},{"op":"complete","ref":"1"},{"op":"update","ref":"1","patch":{"tags":["x"]}}]}`)
	if len(batch.list("todos")) != 3 || len(batch.list("changes")) != 3 {
		t.Errorf("batch: %s", batch.text)
	}
	undone := s.want(t, 200, token, "POST", fmt.Sprintf("/api/changes/%v/undo", batch.list("changes")[1]["seq"]), "")
	if len(undone.list("todos")) != 2 {
		t.Errorf("undo of a batch: %s, want both todos taken back", undone.text)
	}
	s.want(t, 409, token, "POST", "/api/changes/1/undo", "")

	deleted := s.want(t, 200, token, "DELETE", "/api/todos/1", "")
	s.want(t, 404, token, "GET", "/api/todos/1", "")
	s.want(t, 200, token, "POST", fmt.Sprintf("/api/changes/%d/undo", deleted.int("version")), "")
	if back := s.want(t, 200, token, "GET", "/api/todos/1", ""); back.str("title") != "buy oat milk" {
		t.Errorf("restored: %s", back.text)
	}

	changes := s.want(t, 200, token, "GET", "/api/changes?since=2&limit=2", "")
	if got := changes.list("changes"); len(got) != 2 || got[0]["seq"] != 3.0 || changes.body["more"] != true {
		t.Errorf("changes since 2: %s", changes.text)
	}
	me := s.want(t, 200, token, "GET", "/api/auth/me", "")
	if counts := me.body["counts"].(map[string]any); counts["total"] != 1.0 || counts["pending"] != 1.0 {
		t.Errorf("counts: %s, want one pending todo", me.text)
	}
	if moved := s.want(t, 200, token, "PATCH", "/api/auth/me", `{"name":"Ada L.","time_zone":"Asia/Karachi"}`); moved.str("time_zone") != "Asia/Karachi" || moved.str("name") != "Ada L." {
		t.Errorf("profile: %s", moved.text)
	}
}

func TestTheEarlierEditionsPathsAnswer(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.want(t, 201, "", "POST", "/api/auth/signup/", `{"email":"old@example.com","password":"correct horse","name":"Old"}`).str("access_token")
	for _, slash := range []string{"", "/"} {
		made := s.want(t, 201, token, "POST", "/api/todos"+slash, `{"title":"x"}`)
		path := "/api/todos/" + made.str("id")
		s.want(t, 200, token, "GET", "/api/todos"+slash, "")
		s.want(t, 200, token, "GET", path+slash, "")
		s.want(t, 200, token, "PUT", path+slash, `{"title":"y"}`)
		if done := s.want(t, 200, token, "PATCH", path+"/complete"+slash, ""); done.str("status") != "completed" || done.body["completed_at"] == nil {
			t.Errorf("complete: %s", done.text)
		}
		if open := s.want(t, 200, token, "POST", path+"/toggle"+slash, ""); open.str("status") != "pending" {
			t.Errorf("toggle: %s", open.text)
		}
		s.want(t, 200, token, "DELETE", path+slash, "")
		s.want(t, 200, "", "GET", "/api/health"+slash, "")
	}
	s.want(t, 204, token, "POST", "/api/auth/logout/", "")
}

func TestEveryMistakeGetsItsOwnProblemAndNoneIsEchoed(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)
	s.want(t, 201, token, "POST", "/api/todos", `{"title":"one"}`)
	signer, err := account.ParseSigner([]byte(s.key))
	if err != nil {
		t.Fatal(err)
	}
	anHourAgo := time.Now().Add(-time.Hour)
	expired, err := signer.Access(account.NewSession(uuid.New(), uuid.New(), "", anHourAgo), anHourAgo)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "s3cr3t-value" // stands for what a client sends by mistake
	for name, c := range map[string]struct {
		token, method, path, body string
		headers                   []string
		status                    int
		kind, location            string
	}{
		"bad JSON":                {token, "POST", "/api/todos", `{"title":"` + secret, nil, 400, "malformed", "body"},
		"a duplicate name":        {token, "POST", "/api/todos", `{"title":"` + secret + `","title":"b"}`, nil, 400, "malformed", "body"},
		"an unknown member":       {token, "POST", "/api/todos", `{"title":"a","titel":"` + secret + `"}`, nil, 400, "malformed", "body.titel"},
		"a miscased member":       {token, "POST", "/api/todos", `{"Title":"` + secret + `","title":"a"}`, nil, 400, "malformed", "body"},
		"a read-only member":      {token, "PATCH", "/api/todos/1", `{"number":7}`, nil, 400, "malformed", "body.number"},
		"no body":                 {token, "POST", "/api/todos", "", nil, 400, "malformed", ""},
		"not UTF-8":               {token, "POST", "/api/todos", "{\"title\":\"a\xff\"}", nil, 400, "malformed", "body"},
		"form data":               {token, "POST", "/api/todos", "title=" + secret, []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "unsupported-media-type", ""},
		"no title":                {token, "POST", "/api/todos", `{}`, nil, 422, "invalid", "body"},
		"a title that is null":    {token, "PATCH", "/api/todos/1", `{"title":null}`, nil, 422, "invalid", "body.title"},
		"a blank title":           {token, "POST", "/api/todos", `{"title":"  "}`, nil, 422, "invalid", "body.title"},
		"300 characters":          {token, "POST", "/api/todos", `{"title":"` + strings.Repeat("é", 300) + `"}`, nil, 422, "invalid", "body.title"},
		"a wrong type":            {token, "POST", "/api/todos", `{"title":{"x":"` + secret + `"}}`, nil, 422, "invalid", "body.title"},
		"a bad enum":              {token, "POST", "/api/todos", `{"title":"a","priority":"` + secret + `"}`, nil, 422, "invalid", "body.priority"},
		"a bad due date":          {token, "POST", "/api/todos", `{"title":"a","due":"` + secret + `"}`, nil, 422, "invalid", "body.due"},
		"a NUL":                   {token, "POST", "/api/todos", `{"title":"a","description":"\u0000"}`, nil, 422, "invalid", "body.description"},
		"a bad tag in a batch":    {token, "POST", "/api/todos/batch", `{"operations":[{"op":"update","ref":"1","patch":{"tags":[" "]}}]}`, nil, 422, "invalid", "body.operations[0].patch.tags[0]"},
		"a stray member of an op": {token, "POST", "/api/todos/batch", `{"operations":[{"op":"delete","ref":"1","todo":{"title":"a"}}]}`, nil, 422, "invalid", "body.operations[0].todo"},
		"an op without ref":       {token, "POST", "/api/todos/batch", `{"operations":[{"op":"delete"}]}`, nil, 422, "invalid", "body.operations[0].ref"},
		"an empty batch":          {token, "POST", "/api/todos/batch", `{"operations":[]}`, nil, 422, "invalid", "body.operations"},
		"a batch's If-Match":      {token, "POST", "/api/todos/batch", `{"operations":[{"op":"delete","ref":"1"}]}`, []string{`If-Match: "1"`}, 422, "invalid", "header.If-Match"},
		"a todo not there":        {token, "POST", "/api/todos/batch", `{"operations":[{"op":"delete","ref":"1"},{"op":"delete","ref":"2"}]}`, nil, 404, "not-found", "body.operations[1]"},
		"a bad uuid":              {token, "GET", "/api/todos/" + secret, "", nil, 422, "invalid", "path.ref"},
		"a bad If-Match":          {token, "DELETE", "/api/todos/1", "", []string{"If-Match: " + secret}, 422, "invalid", "header.If-Match"},
		"a bad key":               {token, "POST", "/api/todos", `{"title":"a"}`, []string{"Idempotency-Key: a b"}, 422, "invalid", "header.Idempotency-Key"},
		"an unknown parameter":    {token, "GET", "/api/todos?colour=" + secret, "", nil, 422, "invalid", "query.colour"},
		"a bad limit":             {token, "GET", "/api/todos?limit=101", "", nil, 422, "invalid", "query.limit"},
		"a bad cursor":            {token, "GET", "/api/todos?cursor=" + secret, "", nil, 422, "invalid", "query.cursor"},
		"a bad filter":            {token, "GET", "/api/todos?due=" + secret, "", nil, 422, "invalid", "query.due"},
		"a bad bound":             {token, "GET", "/api/todos?due_before=" + secret, "", nil, 422, "invalid", "query.due_before"},
		"a NUL in a search":       {token, "GET", "/api/todos?q=%00", "", nil, 422, "invalid", "query.q"},
		"not UTF-8 in a search":   {token, "GET", "/api/todos?q=%ff", "", nil, 422, "invalid", "query.q"},
		"2 MiB":                   {token, "POST", "/api/todos", `{"title":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 413, "too-large", ""},
		"no token":                {"", "GET", "/api/todos", "", nil, 401, "unauthenticated", ""},
		"no token, a bad body":    {"", "POST", "/api/todos", `{`, nil, 401, "unauthenticated", ""},
		"a damaged token":         {token + "x", "GET", "/api/todos", "", nil, 401, "unauthenticated", ""},
		"an expired token":        {expired, "GET", "/api/todos", "", nil, 401, "unauthenticated", ""},
		"alg none":                {"eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0." + strings.Split(token, ".")[1] + ".", "GET", "/api/todos", "", nil, 401, "unauthenticated", ""},
		"a wrong method":          {token, "DELETE", "/api/todos", "", nil, 405, "method-not-allowed", ""},
		"an unknown path":         {token, "GET", "/api/" + secret, "", nil, 404, "not-found", ""},
		"a double slash":          {token, "GET", "/api//todos", "", nil, 404, "not-found", ""},
		"a path upwards":          {token, "GET", "/api/x/../todos", "", nil, 404, "not-found", ""},
		"a bad address":           {"", "POST", "/api/auth/register", `{"email":"` + secret + `","password":"correct horse","name":"A"}`, nil, 422, "invalid", "body.email"},
		"a short password":        {"", "POST", "/api/auth/register", `{"email":"a@example.com","password":"s3cr3t-","name":"A"}`, nil, 422, "invalid", "body.password"},
		"a bad time zone":         {"", "POST", "/api/auth/register", `{"email":"a@example.com","password":"correct horse","name":"A","time_zone":"` + secret + `"}`, nil, 422, "invalid", "body.time_zone"},
		"an unknown account":      {"", "POST", "/api/auth/login", `{"email":"nobody@example.com","password":"` + secret + `"}`, nil, 401, "unauthenticated", ""},
		"a pattern for an e-mail": {"", "POST", "/api/auth/login", `{"email":"%@example.com","password":"correct horse"}`, nil, 401, "unauthenticated", ""},
		"a refresh with access":   {"", "POST", "/api/auth/refresh", `{"refresh_token":"` + token + `"}`, nil, 401, "unauthenticated", ""},
	} {
		a := s.call(t, c.token, c.method, c.path, c.body, c.headers...)
		if a.status != c.status || a.str("type") != web.ProblemType("")+c.kind {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.text, c.status, c.kind)
		}
		if fields := a.list("errors"); c.location != "" && (len(fields) == 0 || !hasLocation(fields, c.location)) {
			t.Errorf("%s: %s, want %s named", name, a.text, c.location)
		}
		if strings.Contains(a.text, "s3cr3t") || strings.Contains(a.text, strings.Repeat("é", 9)) {
			t.Errorf("%s: the answer echoes what was sent: %s", name, a.text)
		}
		if c.status == 405 && a.header.Get("Allow") == "" || c.status == 401 && a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: the header that %d needs is missing: %v", name, c.status, a.header)
		}
	}
	if total := s.want(t, 200, token, "GET", "/api/todos", "").int("total"); total != 1 {
		t.Errorf("%d todos after so many mistakes, want the one before", total)
	}
}

func hasLocation(fields []map[string]any, location string) bool {
	for _, f := range fields {
		if f["location"] == location {
			return true
		}
	}
	return false
}

func TestTheEndsOfTheCalendarAreKept(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)
	s.want(t, 422, token, "POST", "/api/todos", `{"title":"a","due":"0001-01-01"}`)
	for range 2 {
		s.want(t, 201, token, "POST", "/api/todos", `{"title":"a","due":"9999-12-31"}`)
	}
	first := s.want(t, 200, token, "GET", "/api/todos?sort=due&order=desc&limit=1", "")
	next := s.want(t, 200, token, "GET", "/api/todos?sort=due&order=desc&limit=1&cursor="+first.str("next_cursor"), "")
	if len(next.list("todos")) != 1 || next.list("todos")[0]["id"] == first.list("todos")[0]["id"] {
		t.Errorf("the second page: %s", next.text)
	}
}

// TestAProfileKeepsWhatWasNotSent changes name and time zone at the same time.
func TestAProfileKeepsWhatWasNotSent(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)
	for i := range 10 {
		zone := []string{"Asia/Karachi", "Europe/Berlin"}[i%2]
		var both sync.WaitGroup
		both.Go(func() { s.want(t, 200, token, "PATCH", "/api/auth/me", fmt.Sprintf(`{"name":"Ada %d"}`, i)) })
		both.Go(func() { s.want(t, 200, token, "PATCH", "/api/auth/me", fmt.Sprintf(`{"time_zone":%q}`, zone)) })
		both.Wait()
		if me := s.want(t, 200, token, "GET", "/api/auth/me", ""); me.str("name") != fmt.Sprint("Ada ", i) || me.str("time_zone") != zone {
			t.Fatalf("round %d left %s", i, me.text)
		}
	}
}

func TestUndoOfWhatCameAndWentNamesNothing(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)
	s.want(t, 200, token, "POST", "/api/todos/batch", `{"operations":[{"op":"create","todo":{"title":"a"}},{"op":"delete","ref":"1"}]}`)
	undone := s.want(t, 200, token, "POST", "/api/changes/1/undo", "")
	if len(undone.list("todos")) != 0 || len(undone.list("changes")) != 0 {
		t.Errorf("undo: %s, want nothing", undone.text)
	}
	s.want(t, 422, token, "POST", "/api/changes/1/undo", "", `If-Match: "1"`)
}

func TestAnotherAccountSeesNothing(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	owner, stranger := s.token(t), s.token(t)
	mine := s.want(t, 201, owner, "POST", "/api/todos", `{"title":"mine"}`)
	for _, ref := range []string{mine.str("id"), "1"} {
		s.want(t, 404, stranger, "GET", "/api/todos/"+ref, "")
		s.want(t, 404, stranger, "PATCH", "/api/todos/"+ref, `{"title":"theirs"}`)
		s.want(t, 404, stranger, "PUT", "/api/todos/"+ref, `{"title":"theirs"}`)
		s.want(t, 404, stranger, "DELETE", "/api/todos/"+ref, "")
		s.want(t, 404, stranger, "POST", "/api/todos/"+ref+"/toggle", "")
		s.want(t, 404, stranger, "POST", "/api/todos/batch", `{"operations":[{"op":"delete","ref":"`+ref+`"}]}`)
	}
	s.want(t, 404, stranger, "POST", "/api/changes/1/undo", "")
	if seen := s.want(t, 200, stranger, "GET", "/api/changes", ""); len(seen.list("changes")) != 0 {
		t.Errorf("a stranger reads %s", seen.text)
	}
	if still := s.want(t, 200, owner, "GET", "/api/todos/1", ""); still.text != mine.text {
		t.Errorf("the todo is now %s, was %s", still.text, mine.text)
	}
}

func TestALogoutTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	first := s.signUp(t)
	email := first.body["account"].(map[string]any)["email"]
	second := s.want(t, 200, "", "POST", "/api/auth/login", fmt.Sprintf(`{"email":"%s","password":"correct horse"}`, strings.ToUpper(email.(string))))
	s.want(t, 401, "", "POST", "/api/auth/login", fmt.Sprintf(`{"email":"%s","password":"Correct horse"}`, email))

	token := first.str("access_token")
	s.want(t, 204, token, "POST", "/api/auth/logout", `{"refresh_token":"whatever"}`)
	for _, path := range []string{"/api/todos", "/api/auth/me", "/api/changes"} {
		s.want(t, 401, token, "GET", path, "")
	}
	s.want(t, 401, token, "POST", "/api/todos", `{"title":"x"}`)
	s.want(t, 401, "", "POST", "/api/auth/refresh", fmt.Sprintf(`{"refresh_token":"%s"}`, first.str("refresh_token")))
	s.want(t, 200, second.str("access_token"), "GET", "/api/auth/me", "")
}

func TestARefreshTokenGivesTheSameSuccessorTwice(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	signedUp := s.signUp(t)
	refresh := func(token string) answer {
		return s.call(t, "", "POST", "/api/auth/refresh", fmt.Sprintf(`{"refresh_token":"%s"}`, token))
	}
	one := refresh(signedUp.str("refresh_token"))
	two := refresh(signedUp.str("refresh_token"))
	if one.status != 200 || two.status != 200 || one.str("refresh_token") != two.str("refresh_token") {
		t.Fatalf("presented twice: %d and %d, the same successor %t", one.status, two.status, one.str("refresh_token") == two.str("refresh_token"))
	}
	if one.header.Get("Cache-Control") != "no-store" {
		t.Error("tokens may be cached")
	}
	for _, token := range []string{signedUp.str("access_token"), one.str("access_token")} {
		s.want(t, 200, token, "GET", "/api/auth/me", "") // both are valid until they expire
	}
	three := refresh(one.str("refresh_token"))
	if again := refresh(signedUp.str("refresh_token")); three.status != 200 || again.status != 401 {
		t.Fatalf("the token before the last: %d after %d, want 401", again.status, three.status)
	}
	s.want(t, 401, three.str("access_token"), "GET", "/api/auth/me", "") // it had been stolen, or was used twice: the session is over
}

func TestHealthTellsWhenTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"DATABASE_URL": "postgres://todo@127.0.0.1:1/none"})
	health := s.want(t, 200, "", "GET", "/api/health", "")
	if health.str("status") != "degraded" || health.body["checks"].(map[string]any)["database"] != "unavailable" {
		t.Errorf("health without a database: %s, want degraded", health.text)
	}
	response, err := http.Get(s.url + "/readyz")
	if err != nil || response.StatusCode != 200 {
		t.Errorf("readiness waits for the database: %v, %v", response, err)
	}
	away := s.want(t, 503, "", "POST", "/api/auth/login", `{"email":"a@example.com","password":"correct horse"}`)
	if away.header.Get("Retry-After") == "" || strings.Contains(away.text, "127.0.0.1") {
		t.Errorf("503 without Retry-After, or with internal detail: %v %s", away.header, away.text)
	}
}

// TestEveryAcceptedRequestIsAnswered stops the function while clients create
// todos: what was acknowledged is there, and no request that was accepted
// breaks off.
func TestEveryAcceptedRequestIsAnswered(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := start(t, map[string]string{"DATABASE_URL": database.Todo})
	token := s.token(t)
	acknowledged := make(chan int, 8)
	begun := make(chan struct{}, 8)
	for range 8 {
		go func() {
			client := &http.Client{Transport: &http.Transport{}}
			done := 0
			defer func() { acknowledged <- done }()
			for {
				request, _ := http.NewRequest("POST", s.url+"/api/todos", bytes.NewReader([]byte(`{"title":"x"}`)))
				request.Header.Set("Authorization", "Bearer "+token)
				request.Header.Set("Content-Type", "application/json")
				response, err := client.Do(request)
				if err != nil {
					if !neverAccepted(err) {
						t.Errorf("a request broke off: %v", err)
					}
					return
				}
				body, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil || response.StatusCode != 201 {
					t.Errorf("an accepted request: %d %s %v", response.StatusCode, body, err)
					return
				}
				if done++; done == 5 {
					begun <- struct{}{}
				}
			}
		}()
	}
	for range 8 {
		<-begun
	}
	s.stop()
	total := 0
	for range 8 {
		total += <-acknowledged
	}
	var kept int
	if err := database.Conn(t).QueryRow(t.Context(), "select count(*) from todo.todos").Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if kept != total {
		t.Errorf("%d creations were acknowledged, %d are there", total, kept)
	}
	s.done <- <-s.done // for the cleanup
}

// neverAccepted reports whether the function refused the connection, or closed
// it before it took a request from it: a connection that is kept alive may be
// closed while the next request is on its way. That such a request was indeed
// not taken shows in the count of what is kept.
func neverAccepted(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.EOF) || strings.Contains(err.Error(), "server closed idle connection")
}

func TestSettingsThatAreMissingOrWrongAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
		want string
	}{
		"no database":   {map[string]string{}, nil, "DATABASE_URL"},
		"no key":        {map[string]string{"DATABASE_URL": "postgres://x", "PORT": "0"}, nil, "SIGNING_KEY"},
		"a bad mode":    {map[string]string{"DATABASE_URL": "postgres://x", "PORT": "0", "SIGNING_KEY": testKey, "DATABASE_EXEC_MODE": "fast"}, nil, "DATABASE_EXEC_MODE"},
		"a bad URL":     {map[string]string{"DATABASE_URL": "postgres://u:s3cr3t@[", "PORT": "0", "SIGNING_KEY": testKey}, nil, "DATABASE_URL"},
		"a stray word":  {nil, []string{"serve"}, "serve"},
		"a bad port":    {map[string]string{"DATABASE_URL": "postgres://x", "PORT": "x"}, nil, "listen"},
		"no such level": {map[string]string{"DATABASE_URL": "postgres://x", "LOG_LEVEL": "loud"}, nil, "LogLevel"},
	} {
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		err := run(ctx, c.args, func(n string) string { return c.env[n] }, nil)
		stop()
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v, want %s named and no secret told", name, err, c.want)
		}
	}
}

const testKey = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIGxvY2FsIHRlc3Qga2V5LCBub3QgYSBzZWNyZXQhISE0\n-----END PRIVATE KEY-----\n"
