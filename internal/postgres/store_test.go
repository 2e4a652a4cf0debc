package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/pgtest"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/todo"
)

func open(t testing.TB, url, mode string, size int) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url, ExecMode: mode, PoolSize: size, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func newStore(t testing.TB) *postgres.Store {
	t.Helper()
	return newStoreAt(t, time.Now)
}

// newStoreAt is a store whose time is told by now.
func newStoreAt(t testing.TB, now func() time.Time) *postgres.Store {
	t.Helper()
	return postgres.NewStore(open(t, pgtest.New(t).Todo, pgtest.ExecModes()[0], 4), now)
}

// register makes an account with a session that is signed in.
func register(t testing.TB, s *postgres.Store, zone string) account.Principal {
	t.Helper()
	id := uuid.New()
	a, err := account.New(id, fmt.Sprintf("%s@example.com", id), "Ada", zone, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	session := account.NewSession(id, uuid.New(), "test", time.Now())
	if err := s.Register(t.Context(), a, "no hash", session); err != nil {
		t.Fatal(err)
	}
	return account.Principal{Account: id, Session: session.ID}
}

func apply(t testing.TB, s *postgres.Store, who account.Principal, key string, ops ...todo.Op) postgres.Result {
	t.Helper()
	r, err := s.Apply(t.Context(), who, key, ops)
	if err != nil {
		t.Fatalf("apply %+v: %v", ops, err)
	}
	return r
}

func create(title string) todo.Create {
	return todo.Create{ID: uuid.New(), Content: todo.NewContent(title)}
}

func number(n int) todo.Ref { return todo.Ref{Number: n} }

func allChanges(t testing.TB, s *postgres.Store, who account.Principal) []todo.Change {
	t.Helper()
	var all []todo.Change
	for more := true; more; {
		var page []todo.Change
		var err error
		page, _, more, err = s.Changes(t.Context(), who, int64(len(all)), 500)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
	}
	return all
}

func allTodos(t testing.TB, s *postgres.Store, who account.Principal, q todo.Query) []todo.Todo {
	t.Helper()
	var all []todo.Todo
	for {
		page, err := s.Todos(t.Context(), who, q)
		if err != nil {
			t.Fatalf("list %+v: %v", q, err)
		}
		all = append(all, page.Todos...)
		if page.Next.IsZero() {
			if page.Total != len(all) {
				t.Errorf("list %+v: total %d, but %d came", q, page.Total, len(all))
			}
			return all
		}
		q.Cursor = page.Next
	}
}

func wantKind(t testing.TB, what string, err error, want fault.Kind) {
	t.Helper()
	if got := fault.KindOf(err); got != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

func TestAStrangerNeitherSeesNorTouchesATodo(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	owner, stranger := register(t, s, "UTC"), register(t, s, "UTC")
	mine := apply(t, s, owner, "", create("mine")).Todos[0]
	for _, ref := range []todo.Ref{{ID: mine.ID}, number(1)} {
		_, err := s.Todo(t.Context(), stranger, ref)
		wantKind(t, "read "+ref.String(), err, fault.NotFound)
		for _, op := range []todo.Op{todo.Complete{Ref: ref}, todo.Delete{Ref: ref}, todo.Update{Ref: ref}, todo.Toggle{Ref: ref}} {
			_, err := s.Apply(t.Context(), stranger, "", []todo.Op{op})
			wantKind(t, fmt.Sprintf("%T %s", op, ref), err, fault.NotFound)
		}
	}
	_, err := s.Apply(t.Context(), stranger, "", []todo.Op{todo.Undo{Seq: mine.Version}})
	wantKind(t, "undo", err, fault.NotFound)
	if got := allTodos(t, s, stranger, todo.Query{Limit: 10}); len(got) != 0 {
		t.Errorf("a stranger lists %v", got)
	}
	if got := allChanges(t, s, stranger); len(got) != 0 {
		t.Errorf("a stranger reads changes %v", got)
	}
	if got := allTodos(t, s, owner, todo.Query{Limit: 10}); len(got) != 1 || got[0].Version != mine.Version {
		t.Errorf("the owner's list is now %v, want the todo untouched", got)
	}
}

func TestASessionThatEndedCanDoNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	who := register(t, s, "UTC")
	apply(t, s, who, "", create("one"))
	other := account.NewSession(who.Account, uuid.New(), "another device", time.Now())
	if err := s.Begin(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if err := s.End(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"apply":   func() error { _, err := s.Apply(t.Context(), who, "", []todo.Op{create("two")}); return err },
		"todo":    func() error { _, err := s.Todo(t.Context(), who, number(1)); return err },
		"list":    func() error { _, err := s.Todos(t.Context(), who, todo.Query{Limit: 1}); return err },
		"changes": func() error { _, _, _, err := s.Changes(t.Context(), who, 0, 1); return err },
		"account": func() error { _, _, err := s.Account(t.Context(), who); return err },
		"profile": func() error { name := "Eve"; return s.SetProfile(t.Context(), who, &name, nil) },
		"refresh": func() error { _, err := s.Refresh(t.Context(), who, 1); return err },
	} {
		wantKind(t, name, try(), fault.Unauthenticated)
	}
	survivor := account.Principal{Account: who.Account, Session: other.ID}
	a, counts, err := s.Account(t.Context(), survivor)
	if err != nil || counts.Total != 1 || a.Name != "Ada" {
		t.Errorf("on the other device: %+v, %+v, %v, want Ada with 1 todo", a, counts, err)
	}
}

func TestAKeyActsOnceAndAnswersTheSame(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	for _, mode := range pgtest.ExecModes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := postgres.NewStore(open(t, database.Todo, mode, 4), time.Now)
			who := register(t, s, "UTC")
			first := apply(t, s, who, "k1", create("one"), create("two"))
			apply(t, s, who, "", todo.Complete{Ref: number(1)})
			apply(t, s, who, "", todo.Delete{Ref: number(2)})
			again := apply(t, s, who, "k1", create("one"), create("two"))
			wantSame(t, "a repeated creation", again, first)

			noop := apply(t, s, who, "k2", todo.Complete{Ref: number(1)})
			title := "changed since"
			apply(t, s, who, "", todo.Update{Ref: number(1), Patch: todo.Patch{Title: &title}})
			wantSame(t, "a repeated no-op", apply(t, s, who, "k2", todo.Complete{Ref: number(1)}), noop)

			deleted := apply(t, s, who, "k3", todo.Delete{Ref: number(1)})
			wantSame(t, "a repeated deletion", apply(t, s, who, "k3", todo.Delete{Ref: number(1)}), deleted)

			undone := apply(t, s, who, "k4", todo.Undo{Seq: deleted.Todos[0].Version})
			wantSame(t, "a repeated undo", apply(t, s, who, "k4", todo.Undo{Seq: deleted.Todos[0].Version}), undone)

			_, err := s.Apply(t.Context(), who, "k1", []todo.Op{create("another")})
			wantKind(t, "the key with another payload", err, fault.KeyReused)

			_, err = s.Apply(t.Context(), who, "k5", []todo.Op{todo.Complete{Ref: number(99)}})
			wantKind(t, "a failure", err, fault.NotFound)
			apply(t, s, who, "k5", create("a failure is not remembered"))

			wantGapless(t, s, who)
		})
	}
}

func wantSame(t *testing.T, what string, got, want postgres.Result) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", flat(got)), fmt.Sprintf("%+v", flat(want)); g != w {
		t.Errorf("%s answers\n%s\nwant what it answered first\n%s", what, g, w)
	}
}

// flat prints without addresses.
func flat(r postgres.Result) []string {
	var out []string
	show := func(t *todo.Todo) string {
		if t == nil {
			return "none"
		}
		v := *t
		v.CompletedAt = nil
		return fmt.Sprintf("%+v %v", v, t.CompletedAt)
	}
	for _, t := range r.Todos {
		out = append(out, show(&t))
	}
	for _, c := range r.Changes {
		out = append(out, fmt.Sprint(c.Seq, c.Batch, c.Kind, c.TodoID, c.Number, c.At, show(c.Before), show(c.After)))
	}
	return out
}

// wantGapless checks an account's history: seqs without a gap, each before the
// previous after, and a replay that yields the table.
func wantGapless(t testing.TB, s *postgres.Store, who account.Principal) {
	t.Helper()
	replayed := map[uuid.UUID]string{}
	for i, c := range allChanges(t, s, who) {
		if c.Seq != int64(i+1) {
			t.Fatalf("change %d has seq %d: the history has a gap", i+1, c.Seq)
		}
		before := ""
		if c.Before != nil {
			before = flat(postgres.Result{Todos: []todo.Todo{*c.Before}})[0]
		}
		if replayed[c.TodoID] != before {
			t.Fatalf("change %d: before is\n%s\nbut the previous after is\n%s", c.Seq, before, replayed[c.TodoID])
		}
		if c.After == nil {
			delete(replayed, c.TodoID)
		} else {
			if c.After.Version != c.Seq {
				t.Fatalf("change %d leaves version %d", c.Seq, c.After.Version)
			}
			replayed[c.TodoID] = flat(postgres.Result{Todos: []todo.Todo{*c.After}})[0]
		}
	}
	there := allTodos(t, s, who, todo.Query{Limit: 100, Sort: todo.SortCreated})
	if len(there) != len(replayed) {
		t.Fatalf("replaying the changes yields %d todos, the table has %d", len(replayed), len(there))
	}
	for _, got := range there {
		if shown := flat(postgres.Result{Todos: []todo.Todo{got}})[0]; shown != replayed[got.ID] {
			t.Fatalf("the table has\n%s\nreplaying the changes yields\n%s", shown, replayed[got.ID])
		}
	}
}

func TestAClientThatHangsUpDoesNotDecide(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	who := register(t, s, "UTC")
	for i := range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*100*time.Microsecond)
		_, err := s.Apply(ctx, who, fmt.Sprint("k", i), []todo.Op{create("x"), create("y")})
		cancel()
		if err != nil && fault.KindOf(err) != fault.Unavailable && ctx.Err() == nil {
			t.Errorf("attempt %d: %v", i, err)
		}
	}
	wantGapless(t, s, who) // all or nothing, each time
	if n := len(allTodos(t, s, who, todo.Query{Limit: 100})); n%2 != 0 {
		t.Errorf("%d todos: half of a request was kept", n)
	}
	apply(t, s, who, "", create("the pool still works"))
}
