package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/todochat/todochat/internal/pgtest"
	"github.com/todochat/todochat/internal/todo"
)

// heard is one event of a stream.
type heard struct {
	id   int64
	name string
	data string
}

// listen follows a stream until hear says false or the stream ends, and returns
// the status and whether the stream told the client to come back.
func (s *server) listen(ctx context.Context, t testing.TB, token, query, lastID string, hear func(heard) bool) (status int, retry bool) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, "GET", s.url+"/api/changes/stream"+query, nil)
	if err != nil {
		t.Error(err)
		return 0, false
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := s.client.Do(request)
	if err != nil {
		if ctx.Err() == nil {
			t.Error(err)
		}
		return 0, false
	}
	defer response.Body.Close()
	var e heard
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			if e.id, err = strconv.ParseInt(value, 10, 64); err != nil {
				t.Errorf("id %q", value)
			}
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "retry":
			retry = true
		case "":
			if e.name != "" && !hear(e) {
				return response.StatusCode, retry
			}
			e = heard{}
		}
	}
	return response.StatusCode, retry
}

func TestAStreamTellsOfChangesAsTheyHappen(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)
	s.want(t, 201, token, "POST", "/api/todos", `{"title":"before"}`)
	list := s.want(t, 200, token, "GET", "/api/todos", "")

	ready, kinds := make(chan struct{}), make(chan todo.Change, 10)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		s.listen(ctx, t, token, fmt.Sprintf("?since=%d", list.int("seq")), "", func(e heard) bool {
			if e.name == eventReady {
				close(ready)
				return true
			}
			var c todo.Change
			if err := json.Unmarshal([]byte(e.data), &c); err != nil || c.Seq != e.id {
				t.Errorf("event %d: %s, %v", e.id, e.data, err)
			}
			kinds <- c
			return true
		})
	})
	<-ready
	s.want(t, 200, token, "POST", "/api/todos/batch", `{"operations":[{"op":"complete","ref":"1"},{"op":"create","todo":{"title":"milk"}}]}`)
	s.want(t, 200, token, "DELETE", "/api/todos/2", "")
	s.want(t, 200, token, "POST", "/api/changes/4/undo", "")
	for i, want := range []todo.Kind{"completed", "created", "deleted", "restored"} {
		select {
		case c := <-kinds:
			if c.Kind != want || c.Seq != int64(i+2) {
				t.Errorf("change %d is %s of seq %d, want %s", i, c.Kind, c.Seq, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("change %d did not come", i)
		}
	}
	stop()
	all.Wait()
}

// TestNobodyMissesOrRepeatsAChange follows accounts through streams that end
// again and again, while clients write by two replicas.
func TestNobodyMissesOrRepeatsAChange(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	settings := map[string]string{"DATABASE_URL": database.Todo, "STREAM_LIFE": "150ms", "LIVE_POLL": "50ms"}
	one := start(t, settings)
	settings["SIGNING_KEY"] = one.key
	two := start(t, settings)
	tokens := []string{one.token(t), one.token(t), one.token(t)}

	const writes = 60 // of each of the writers of an account: one at each replica
	var writers, readers sync.WaitGroup
	for _, token := range tokens {
		for _, s := range []*server{one, two} {
			writers.Go(func() {
				for n := range writes {
					s.want(t, 201, token, "POST", "/api/todos", fmt.Sprintf(`{"title":"todo %d"}`, n))
				}
			})
			for range 3 {
				readers.Go(func() {
					var ids []int64
					for ended := 0; len(ids) < 2*writes; ended++ {
						last := "0"
						if len(ids) > 0 {
							last = strconv.FormatInt(ids[len(ids)-1], 10)
						}
						ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
						status, retry := s.listen(ctx, t, token, "", last, func(e heard) bool {
							if e.name == eventChange {
								ids = append(ids, e.id)
							}
							return true
						})
						cancel()
						if status != 200 || !retry {
							t.Errorf("a stream ends with %d, retry %t", status, retry)
							return
						}
					}
					for i, id := range ids {
						if id != int64(i+1) {
							t.Errorf("change %d has the id %d", i+1, id)
							return
						}
					}
				})
			}
		}
	}
	writers.Wait()
	readers.Wait()
}

func TestAStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"DATABASE_URL": pgtest.New(t).Todo, "LIVE_POLL": "20ms"})
	token := s.token(t)
	var names []string
	status, retry := s.listen(t.Context(), t, token, "", "", func(e heard) bool {
		if names = append(names, e.name); e.name == eventReady {
			s.want(t, 204, token, "POST", "/api/auth/logout", "")
		}
		if e.name == "problem" && !strings.Contains(e.data, "unauthenticated") {
			t.Errorf("it ends with %s", e.data)
		}
		return true
	})
	if status != 200 || !retry || !slices.Equal(names, []string{"ready", "problem"}) {
		t.Errorf("after logging out: %d, retry %t, %q", status, retry, names)
	}
	if status, _ := s.listen(t.Context(), t, token, "", "", func(heard) bool { return true }); status != 401 {
		t.Errorf("a stream of a session that has ended: %d, want 401", status)
	}
}

func TestAStreamEndsWithTheProgram(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)
	began := time.Now()
	if _, retry := s.listen(t.Context(), t, token, "", "", func(heard) bool { s.stop(); return true }); !retry {
		t.Error("the client is not told to come back")
	}
	<-s.done
	close(s.done)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}

func TestAStreamBeginsWhereItCan(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)
	s.want(t, 201, token, "POST", "/api/todos", `{"title":"milk"}`)
	for name, c := range map[string]struct{ query, last string }{
		"after what never was": {"?since=7", ""}, "no number": {"?since=x", ""}, "an id of elsewhere": {"", "x"}, "less than nothing": {"", "-1"},
	} {
		if status, _ := s.listen(t.Context(), t, token, c.query, c.last, func(heard) bool { return false }); status != 422 {
			t.Errorf("%s: %d, want 422", name, status)
		}
	}
	s.listen(t.Context(), t, token, "", "", func(e heard) bool {
		if e.name != eventReady || e.id != 1 || e.data != `{"seq":1}` {
			t.Errorf("at the present it begins with %+v", e)
		}
		return false
	})
	s.listen(t.Context(), t, token, "?since=1", "0", func(e heard) bool {
		if e.name == eventChange {
			return false
		}
		if e.id != 0 {
			t.Errorf("Last-Event-ID counts more, and it begins at %d", e.id)
		}
		return true
	})
}

// TestWhoHasMuchToCatchUpHoldsUpNobody: a stream that begins long ago reads for
// itself.
func TestWhoHasMuchToCatchUpHoldsUpNobody(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	s := start(t, map[string]string{"DATABASE_URL": database.Todo, "LIVE_POLL": "50ms"})
	other := start(t, map[string]string{"DATABASE_URL": database.Todo, "SIGNING_KEY": s.key})
	old, fresh := s.token(t), s.token(t)
	ops := strings.Repeat(`,{"op":"create","todo":{"title":"milk"}}`, 1000)[1:]
	for range 5 {
		s.want(t, 200, old, "POST", "/api/todos/batch", `{"operations":[`+ops+`]}`)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	began := make(chan struct{})
	caughtUp := make(chan int, 1)
	all.Go(func() {
		n := 0
		s.listen(ctx, t, old, "?since=0", "", func(e heard) bool {
			if n++; n == 2 {
				close(began)
			}
			if e.id == 5000 {
				caughtUp <- n
			}
			return true
		})
	})
	<-began
	heardAt := make(chan time.Time, 1)
	ready := make(chan struct{})
	all.Go(func() {
		s.listen(ctx, t, fresh, "", "", func(e heard) bool {
			if e.name == eventReady {
				close(ready)
				return true
			}
			heardAt <- time.Now()
			return false
		})
	})
	<-ready
	wrote := time.Now()
	other.want(t, 201, fresh, "POST", "/api/todos", `{"title":"bread"}`)
	if took := (<-heardAt).Sub(wrote); took > 2*time.Second {
		t.Errorf("a change of another account took %v", took)
	}
	if n := <-caughtUp; n != 5001 {
		t.Errorf("%d events until change 5000, want each once", n)
	}
	stop()
	all.Wait()
}
