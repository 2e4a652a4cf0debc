package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/hack/postgres/child"
	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/event"
	"github.com/todochat/todochat/internal/pgtest"
	"github.com/todochat/todochat/internal/stacktest"
	"github.com/todochat/todochat/internal/todo"
)

// arrival is what the receiver tells of an event.
type arrival struct {
	ID, Type, Source, Subject, PartitionKey, Sequence, Mode string
}

// receiver is a sink in a process of its own.
type receiver struct {
	t   testing.TB
	url string
}

func startReceiver(t testing.TB) *receiver {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "receiver")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/todochat/todochat/hack/receiver").CombinedOutput(); err != nil {
		t.Fatalf("build the receiver: %v\n%s", err, out)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-addr", "127.0.0.1:0")
	cmd.Stdout = write
	process, err := child.Start(cmd, syscall.SIGKILL)
	write.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { process.Stop(syscall.SIGKILL, time.Second) })
	url, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return &receiver{t, strings.TrimSpace(url)}
}

// fail makes the receiver fail every nth request; 0 for none, 1 for all.
func (r *receiver) fail(nth int) {
	r.t.Helper()
	response, err := http.Post(r.url+"/fail?of="+strconv.Itoa(nth), "", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	response.Body.Close()
}

func (r *receiver) arrivals() []arrival {
	r.t.Helper()
	response, err := http.Get(r.url + "/received")
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	var out []arrival
	for d := json.NewDecoder(response.Body); d.More(); {
		var a arrival
		if err := d.Decode(&a); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// sequences are the seqs that have arrived for an account, as they came first.
func sequences(arrived []arrival, account string) (firsts []int, repeats int) {
	seen := make(map[int]bool)
	for _, a := range arrived {
		if a.PartitionKey != account {
			continue
		}
		seq, err := strconv.Atoi(a.Sequence)
		if err != nil {
			return nil, 0
		}
		if seen[seq] {
			repeats++
			continue
		}
		seen[seq] = true
		firsts = append(firsts, seq)
	}
	return firsts, repeats
}

// await waits until the account's changes up to n have arrived.
func (r *receiver) await(account string, n int) []arrival {
	r.t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		arrived := r.arrivals()
		if firsts, _ := sequences(arrived, account); len(firsts) >= n {
			return arrived
		}
		if time.Since(began) > 4*time.Minute {
			firsts, _ := sequences(arrived, account)
			r.t.Fatalf("%d of %d changes of %s have arrived", len(firsts), n, account)
		}
	}
}

func TestChangesArriveAsEvents(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"binary", "structured"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			sink := startReceiver(t)
			s := start(t, map[string]string{
				"DATABASE_URL": pgtest.New(t).Todo, "K_SINK": sink.url, "EVENT_MODE": mode,
				"K_CE_OVERRIDES": `{"extensions":{"sequence":"1","tenant":"a"}}`, "EVENT_SOURCE": "https://todos.example.com/api",
			})
			me := s.signUp(t)
			account := me.body["account"].(map[string]any)["id"].(string)
			made := s.want(t, 201, me.str("access_token"), "POST", "/api/todos", `{"title":"milk"}`)
			a := sink.await(account, 1)[0]
			if a.ID != account+"-1" || a.Type != "dev.todochat.todo.created.v1" || a.Source != "https://todos.example.com/api" || a.Subject != made.str("id") ||
				a.Sequence != "1" || a.Mode != mode { // sequence is overridden
				t.Errorf("it arrives as %+v", a)
			}
		})
	}
}

func TestTheFirstSinkBeginsWhereItIsTold(t *testing.T) {
	t.Parallel()
	for from, want := range map[string][]int{"now": {3}, "beginning": {1, 2, 3}} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			database := pgtest.New(t)
			s := start(t, map[string]string{"DATABASE_URL": database.Todo})
			me := s.signUp(t)
			token, account := me.str("access_token"), me.body["account"].(map[string]any)["id"].(string)
			s.want(t, 201, token, "POST", "/api/todos", `{"title":"milk"}`)
			s.want(t, 201, token, "POST", "/api/todos", `{"title":"bread"}`)

			sink := startReceiver(t)
			settings := map[string]string{"DATABASE_URL": database.Todo, "K_SINK": sink.url, "RELAY_FROM": from, "SIGNING_KEY": s.key}
			with := start(t, settings)
			sink.settled(database, with)
			with.want(t, 201, token, "POST", "/api/todos", `{"title":"olives"}`)
			if got, _ := sequences(sink.await(account, len(want)), account); !slices.Equal(got, want) {
				t.Errorf("what arrives is %v, want %v", got, want)
			}
			// What is written where there is no sink is sent by whoever has one.
			s.want(t, 201, token, "POST", "/api/todos", `{"title":"cheese"}`)
			if err := run(t.Context(), []string{"relay"}, func(name string) string {
				if name == "LOG_LEVEL" {
					return "error"
				}
				return settings[name]
			}, nil); err != nil {
				t.Errorf("todo relay: %v", err)
			}
			if got, _ := sequences(sink.arrivals(), account); !slices.Equal(got, append(want, 4)) {
				t.Errorf("after todo relay there is %v, want %v and 4", got, want)
			}
		})
	}
}

// settled waits until the relay of s has begun.
func (r *receiver) settled(database *pgtest.Database, _ *server) {
	r.t.Helper()
	conn := database.Conn(r.t)
	for begun := false; !begun; time.Sleep(5 * time.Millisecond) {
		if err := conn.QueryRow(r.t.Context(), `select exists (select from todo.relay_start)`).Scan(&begun); err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestAnAccountThatTheSinkRefusesHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	sink := startReceiver(t)
	s := start(t, map[string]string{"DATABASE_URL": pgtest.New(t).Todo, "K_SINK": sink.url})
	idOf := func(me answer) string { return me.body["account"].(map[string]any)["id"].(string) }
	var poisoned []answer
	for range 2 * relaysAtOnce { // more than are served at once
		me := s.signUp(t)
		poisoned = append(poisoned, me)
		response, err := http.Post(sink.url+"/poison?key="+idOf(me), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		s.want(t, 201, me.str("access_token"), "POST", "/api/todos", `{"title":"never arrives"}`)
	}
	me := s.signUp(t)
	for n := range 20 {
		s.want(t, 201, me.str("access_token"), "POST", "/api/todos", fmt.Sprintf(`{"title":"todo %d"}`, n))
	}
	arrived := sink.await(idOf(me), 20)
	for _, p := range poisoned {
		if firsts, _ := sequences(arrived, idOf(p)); len(firsts) > 0 {
			t.Errorf("the sink took %v of an account that it refuses", firsts)
		}
	}
}

func TestARedirectIsNoArrival(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		var asked atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				asked.Add(1)
				return
			}
			http.Redirect(w, r, "/elsewhere", status)
		}))
		relay, err := config{Sink: server.URL, EventMode: "binary", RelayFrom: "now"}.relay(nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		e, err := event.Of(uuid.New(), todo.Change{Seq: 1, Kind: todo.KindDeleted, TodoID: uuid.New()}, "/t")
		if err != nil {
			t.Fatal(err)
		}
		if err := relay.sink.send(t.Context(), e); err == nil || asked.Load() > 0 {
			t.Errorf("%d: %v, and %d requests elsewhere, want a failure", status, err, asked.Load())
		}
		server.Close()
	}
}

// TestNothingIsSentBeforeItIsKnownWhereToBegin: else it would be from the first
// change on.
func TestNothingIsSentBeforeItIsKnownWhereToBegin(t *testing.T) {
	t.Parallel()
	sink := startReceiver(t)
	database := pgtest.New(t)
	conn := database.Conn(t)
	if _, err := conn.Exec(t.Context(), `revoke insert on todo.relay_start from todo`); err != nil {
		t.Fatal(err)
	}
	s := start(t, map[string]string{"DATABASE_URL": database.Todo, "K_SINK": sink.url, "LOG_LEVEL": "error"})
	s.want(t, 201, s.token(t), "POST", "/api/todos", `{"title":"milk"}`)
	s.stop()
	<-s.done
	close(s.done)
	if arrived := sink.arrivals(); len(arrived) > 0 {
		t.Errorf("%v arrives", arrived)
	}
}

// TestEveryChangeArrivesInOrder writes 5,000 changes to several accounts while
// the function and the relay are killed again and again, two functions and a
// relay send at once, and the sink fails half of its requests.
func TestEveryChangeArrivesInOrder(t *testing.T) {
	t.Parallel()
	const accounts, writes = 10, 500
	sink := startReceiver(t)
	sink.fail(2)
	database := pgtest.New(t)
	key, err := account.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	settings := []string{"DATABASE_URL=" + database.Todo, "SIGNING_KEY=" + key, "LOG_LEVEL=error", "K_SINK=" + sink.url, "RELAY_FROM=beginning"}
	steady := stacktest.Run(t, "todo", settings...) // takes the writes
	programs, err := stacktest.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(programs.Dir) })

	s := &server{url: steady.URL, client: http.DefaultClient}
	var writers, killers sync.WaitGroup
	ids := make([]string, accounts)
	tokens := make([]string, accounts)
	for n := range accounts {
		me := s.signUp(t)
		ids[n], tokens[n] = me.body["account"].(map[string]any)["id"].(string), me.str("access_token")
	}
	written := make(chan struct{})
	kills := 0
	killers.Go(func() { // another function that lives for moments
		for {
			p, err := programs.Start(t.Context(), "todo", settings...)
			if err != nil {
				t.Error(err)
				return
			}
			select {
			case <-time.After(300 * time.Millisecond):
			case <-written:
				p.Stop(os.Kill, time.Second)
				return
			}
			p.Stop(os.Kill, time.Second)
			kills++
		}
	})
	killers.Go(func() { // and a relay job that is killed in the middle
		for {
			cmd := exec.Command(filepath.Join(programs.Dir, "todo"), "relay")
			cmd.Env = settings
			p, err := child.Start(cmd, syscall.SIGKILL)
			if err != nil {
				t.Error(err)
				return
			}
			select {
			case <-p.Done():
			case <-time.After(200 * time.Millisecond):
				p.Stop(os.Kill, time.Second)
			case <-written:
				p.Stop(os.Kill, time.Second)
				return
			}
		}
	})
	for n := range accounts {
		writers.Go(func() {
			for i := range writes {
				s.want(t, 201, tokens[n], "POST", "/api/todos", fmt.Sprintf(`{"title":"todo %d"}`, i))
			}
		})
	}
	writers.Wait()
	close(written)
	killers.Wait()

	repeated := 0
	for _, id := range ids {
		firsts, repeats := sequences(sink.await(id, writes), id)
		repeated += repeats
		if !slices.IsSorted(firsts) || firsts[0] != 1 || firsts[len(firsts)-1] != writes {
			t.Errorf("account %s: %v arrives, want 1 to %d in order", id, firsts, writes)
		}
	}
	t.Logf("%d changes arrived, %d of them more than once; the function was killed %d times", accounts*writes, repeated, kills)
}
