package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/todochat/todochat/hack/postgres"
	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/postgres/migrations"
	"github.com/todochat/todochat/internal/stacktest"
)

// recoveryTime is how soon after the database is back the API must be, too.
const recoveryTime = 2 * time.Second

func TestAnOutageOfTheDatabaseIsToldAndLosesNothing(t *testing.T) {
	t.Parallel()
	programs := build(t)
	for name, stop := range map[string]func(*server, *testing.T){
		"shut down": (*server).shutDown,
		"crashed":   (*server).crash,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outage(t, programs, stop)
		})
	}
}

// outage has clients work while the database stops, is away, and comes back.
func outage(t *testing.T, programs stacktest.Programs, stop func(*server, *testing.T)) {
	ctx, cancel := context.WithTimeout(t.Context(), runTime)
	defer cancel()
	db := newServer(ctx, t)
	key, err := account.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{programs: programs, settings: []string{"DATABASE_URL=" + db.todo, "SIGNING_KEY=" + key, "LOG_LEVEL=error"}}
	if err := r.start(ctx); err != nil {
		t.Fatal(err)
	}
	s := &system{programs: programs, replicas: []*replica{r}}
	t.Cleanup(func() { r.program.Stop(os.Kill, patience) })
	ada, err := s.signUp(ctx)
	if err != nil {
		t.Fatal(err)
	}

	told := newRecorder(100)
	var enough atomic.Bool
	var working sync.WaitGroup
	working.Go(func() {
		work(options{clients: 8}, []string{r.target().address}, []*person{ada}, told, enough.Load)
	})
	t.Cleanup(working.Wait)
	t.Cleanup(func() { enough.Store(true) })
	told.pass(ctx, t, 5)
	stop(db, t)
	for _, q := range questions {
		q.wantUnavailable(ctx, t, r.program.URL, ada.token)
	}
	db.start(ctx, t)
	back := time.Since(told.began)
	told.pass(ctx, t, 5)
	for time.Since(told.began) < back+recoveryTime {
		told.pass(ctx, t, 1)
	}
	told.pass(ctx, t, 5)
	enough.Store(true)
	working.Wait()

	all := told.all()
	recovered := wantRecovery(t, all, back)
	t.Logf("answered again after %v", recovered.Round(time.Millisecond))
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	ledgers, err := readLedgers(ctx, s, db.database, []*person{ada})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range check(record{Requests: all, Ledgers: ledgers}).found {
		t.Error(v)
	}
	if faults := s.faults(); len(faults) > 0 {
		t.Errorf("answers of 500:\n%s", strings.Join(faults, "\n"))
	}
}

// pass waits for so many milestones.
func (r *recorder) pass(ctx context.Context, t *testing.T, milestones int) {
	t.Helper()
	for range milestones {
		select {
		case <-r.miles:
		case <-ctx.Done():
			t.Fatalf("clients are stuck: %v", ctx.Err())
		}
	}
}

// wantRecovery returns how long after the database was back the first write
// was acknowledged. What was asked after recoveryTime must be answered.
func wantRecovery(t *testing.T, all []request, back time.Duration) time.Duration {
	t.Helper()
	recovered := time.Duration(-1)
	before := 0
	for _, q := range all {
		switch {
		case q.Ended < back:
			if q.Outcome == acknowledged && len(q.Ops) > 0 {
				before++
			}
		case q.Outcome == acknowledged && len(q.Ops) > 0 && (recovered < 0 || q.Ended-back < recovered):
			recovered = q.Ended - back
		case q.Outcome == unknown && q.Began > back+recoveryTime:
			t.Errorf("%v after the database is back: %s", q.Began-back, q)
		}
	}
	if recovered < 0 || recovered > recoveryTime {
		t.Errorf("the first write is acknowledged %v after the database is back, want %v at most", recovered, recoveryTime)
	}
	if before == 0 {
		t.Error("nothing was acknowledged before the outage: the test shows nothing")
	}
	return recovered
}

// question is a request that needs the database.
type question struct{ method, path, body string }

var questions = []question{
	{"GET", "/api/auth/me", ""},
	{"POST", "/api/auth/login", `{"email":"ada@example.com","password":"correct horse battery"}`},
	{"POST", "/api/auth/register", `{"email":"ada@example.com","password":"correct horse battery","name":"Ada"}`},
	{"GET", "/api/todos", ""},
	{"GET", "/api/todos/1", ""},
	{"POST", "/api/todos", `{"title":"buy milk"}`},
	{"PATCH", "/api/todos/1", `{"title":"buy milk"}`},
	{"POST", "/api/todos/1/complete", ""},
	{"DELETE", "/api/todos/1", ""},
	{"POST", "/api/todos/batch", `{"operations":[{"op":"create","todo":{"title":"buy milk"}}]}`},
	{"GET", "/api/changes", ""},
	{"POST", "/api/changes/1/undo", ""},
}

func (q question) wantUnavailable(ctx context.Context, t *testing.T, address, token string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, q.method, address+q.path, bytes.NewReader([]byte(q.body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if q.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%s %s without a database: %v", q.method, q.path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Content-Type") != "application/problem+json" || err != nil || seconds < 1 {
		t.Errorf("%s %s without a database: %s, %s, Retry-After %q, %s, want the problem 503 with Retry-After",
			q.method, q.path, response.Status, response.Header.Get("Content-Type"), response.Header.Get("Retry-After"), body)
	}
}

// server is a PostgreSQL that can be started again: its data stays, and so does
// its address.
type server struct {
	database
	data, link string
	running    *postgres.Server
}

func newServer(ctx context.Context, t *testing.T) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "history-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL may be another user
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &server{data: filepath.Join(dir, "data"), link: filepath.Join(dir, "socket")}
	s.start(ctx, t)
	t.Cleanup(func() { _ = s.running.Stop() })
	s.owner, s.todo = s.address(postgres.Superuser), s.address("todo")
	if err := migrations.Up(ctx, s.owner); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) address(role string) string {
	return fmt.Sprintf("postgres:///postgres?host=%s&port=5432&user=%s", url.QueryEscape(s.link), role)
}

// start starts the server; its socket is a new one in the same place.
func (s *server) start(ctx context.Context, t *testing.T) {
	t.Helper()
	running, err := postgres.Start(ctx, postgres.Options{Data: s.data})
	if err != nil {
		t.Fatal(err)
	}
	s.running = running
	u, err := url.Parse(running.URL(postgres.Superuser, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	fresh := s.link + ".new"
	if err := os.Symlink(u.Query().Get("host"), fresh); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, s.link); err != nil {
		t.Fatal(err)
	}
}

func (s *server) shutDown(t *testing.T) {
	t.Helper()
	if err := s.running.Stop(); err != nil {
		t.Fatal(err)
	}
}

// crash leaves the server no time to write what is only in its log.
func (s *server) crash(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-s.running.Done()
	_ = s.running.Stop() // says how it ended
}
