package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/pgtest"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/todo"
)

// TestConcurrentClientsLeaveOneTrueHistory lets 16 clients work on three
// accounts: creations, conditional patches, batches, undo and repeated keys.
// The history has no gap, each before is the previous after, each key acted
// once, no If-Match loser won, and replaying the changes yields the table.
func TestConcurrentClientsLeaveOneTrueHistory(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			const clients, requests = 16, 60
			s := postgres.NewStore(open(t, database.Todo, mode, 8), time.Now)
			accounts := []account.Principal{register(t, s, "UTC"), register(t, s, "Europe/Berlin"), register(t, s, "Asia/Karachi")}
			keys := newKeyLedger()
			var won, lost atomic.Int64
			var all sync.WaitGroup
			for c := range clients {
				all.Go(func() {
					w := worker{t: t, s: s, who: accounts[c%3], keys: keys, random: rand.New(rand.NewPCG(uint64(c), 7)), won: &won, lost: &lost}
					for range requests {
						w.step()
					}
				})
			}
			all.Wait()
			if won.Load() == 0 || lost.Load() == 0 {
				t.Errorf("%d conditional patches won and %d lost: want some of both, or the test shows nothing", won.Load(), lost.Load())
			}
			for _, who := range accounts {
				wantGapless(t, s, who)
			}
			keys.check(t, s, accounts)
		})
	}
}

// keyLedger remembers which title was asked for under each key, and what was
// answered.
type keyLedger struct {
	mu       sync.Mutex
	versions map[string]int64
}

func newKeyLedger() *keyLedger { return &keyLedger{versions: map[string]int64{}} }

func (k *keyLedger) told(t *testing.T, key string, version int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if before, ok := k.versions[key]; ok && before != version {
		t.Errorf("key %s made change %d, then %d", key, before, version)
	}
	k.versions[key] = version
}

// check counts the creations in the history: one for each key.
func (k *keyLedger) check(t *testing.T, s *postgres.Store, accounts []account.Principal) {
	made := map[string]int{}
	for _, who := range accounts {
		for _, c := range allChanges(t, s, who) {
			if c.Kind == todo.KindCreated {
				made[c.After.Description]++
			}
		}
	}
	for key := range k.versions {
		if made[key] != 1 {
			t.Errorf("key %s created %d todos, want 1", key, made[key])
		}
	}
}

type worker struct {
	t         *testing.T
	s         *postgres.Store
	who       account.Principal
	keys      *keyLedger
	random    *rand.Rand
	won, lost *atomic.Int64
}

func (w worker) step() {
	switch w.random.IntN(6) {
	case 0, 1:
		w.createByKey()
	case 2:
		w.patchIfMatch()
	case 3:
		w.apply("", todo.Toggle{Ref: w.any()}, create("in a batch"), todo.Complete{Ref: w.any()})
	case 4:
		w.apply("", todo.Undo{Seq: 1 + w.random.Int64N(200)})
	case 5:
		w.apply("", todo.Delete{Ref: w.any()})
	}
}

func (w worker) any() todo.Ref { return number(1 + w.random.IntN(40)) }

// apply tolerates the refusals that other clients cause.
func (w worker) apply(key string, ops ...todo.Op) (postgres.Result, fault.Kind) {
	r, err := w.s.Apply(w.t.Context(), w.who, key, ops)
	switch kind := fault.KindOf(err); kind {
	case "", fault.NotFound, fault.Conflict, fault.Stale:
		return r, kind
	default:
		w.t.Errorf("apply %+v: %v", ops, err)
		return r, kind
	}
}

// createByKey sends the same creation twice; a few clients share each key.
func (w worker) createByKey() {
	key := fmt.Sprintf("%s-%d", w.who.Account, w.random.IntN(120))
	for range 2 {
		op := create(key[:8])
		op.Content.Description = key
		if r, kind := w.apply(key, op); kind == "" {
			w.keys.told(w.t, key, r.Todos[0].Version)
		}
	}
}

// patchIfMatch reads a todo, then changes it if nobody else has.
func (w worker) patchIfMatch() {
	ref := number(1 + w.random.IntN(5))
	seen, err := w.s.Todo(w.t.Context(), w.who, ref)
	if err != nil {
		return
	}
	title := fmt.Sprint("title ", w.random.Int())
	r, kind := w.apply("", todo.Update{Ref: ref, Patch: todo.Patch{Title: &title}, IfMatch: todo.IfMatch(seen.Version)})
	switch kind {
	case fault.Stale:
		w.lost.Add(1)
	case "":
		w.won.Add(1)
		if before := r.Changes[0].Before; before.Version != seen.Version {
			w.t.Errorf("a patch decided on version %d won over version %d", seen.Version, before.Version)
		}
	}
}
