package todo_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
)

var (
	noon  = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	later = noon.Add(time.Hour)
)

// ledger is an account as a store would keep it.
type ledger struct {
	seq        int64
	nextNumber int
	todos      map[uuid.UUID]todo.Todo
	changes    []todo.Change
}

func newLedger() *ledger { return &ledger{nextNumber: 1, todos: map[uuid.UUID]todo.Todo{}} }

// apply decides on all that the account has and keeps what was decided.
func (l *ledger) apply(now time.Time, ops ...todo.Op) (todo.Decision, error) {
	state := todo.State{Seq: l.seq, NextNumber: l.nextNumber}
	for _, t := range l.todos {
		state.Todos = append(state.Todos, t)
	}
	if undo, ok := ops[0].(todo.Undo); ok {
		state.Undone, state.Latest = l.batchOf(undo.Seq)
	}
	d, err := todo.Decide(state, ops, now)
	if err != nil {
		return d, err
	}
	l.seq, l.nextNumber = d.Seq, d.NextNumber
	l.changes = append(l.changes, d.Changes...)
	for _, c := range d.Changes {
		if c.After == nil {
			delete(l.todos, c.TodoID)
		} else {
			l.todos[c.TodoID] = *c.After
		}
	}
	return d, nil
}

func (l *ledger) batchOf(seq int64) (undone []todo.Change, latest map[uuid.UUID]todo.Change) {
	latest = map[uuid.UUID]todo.Change{}
	for _, c := range l.changes {
		if seq >= 1 && seq <= l.seq && c.Batch == l.changes[seq-1].Batch {
			undone = append(undone, c)
		}
		latest[c.TodoID] = c
	}
	return undone, latest
}

func (l *ledger) mustApply(t *testing.T, now time.Time, ops ...todo.Op) todo.Decision {
	t.Helper()
	d, err := l.apply(now, ops...)
	if err != nil {
		t.Fatalf("apply %v: %v", ops, err)
	}
	return d
}

func create(title string) todo.Create {
	return todo.Create{ID: uuid.New(), Content: todo.NewContent(title)}
}

func number(n int) todo.Ref { return todo.Ref{Number: n} }

func TestACreatedTodoHasTheNextNumberAndSeq(t *testing.T) {
	t.Parallel()
	l := newLedger()
	l.mustApply(t, noon, create("one"), create("two"))
	d := l.mustApply(t, later, create("three"))
	got := d.Todos[0]
	if got.Number != 3 || got.Version != 3 || !got.CreatedAt.Equal(later) || got.Status != todo.Pending || got.Priority != todo.Medium {
		t.Errorf("third todo = %+v, want number 3, version 3, pending, medium, created at %v", got, later)
	}
	if c := d.Changes[0]; c.Batch != 3 || c.Kind != todo.KindCreated || c.Before != nil {
		t.Errorf("change = %+v, want a creation in batch 3", c)
	}
}

func TestCompletingTwiceKeepsTheFirstTime(t *testing.T) {
	t.Parallel()
	l := newLedger()
	l.mustApply(t, noon, create("one"))
	l.mustApply(t, noon, todo.Complete{Ref: number(1)})
	d := l.mustApply(t, later, todo.Complete{Ref: number(1)})
	if len(d.Changes) != 0 || !d.Todos[0].CompletedAt.Equal(noon) || d.Todos[0].Version != 2 {
		t.Errorf("second completion: %d changes, completed at %v, version %d, want none, %v, 2",
			len(d.Changes), d.Todos[0].CompletedAt, d.Todos[0].Version, noon)
	}
}

func TestStatusMovesByEveryWayThatSetsIt(t *testing.T) {
	t.Parallel()
	completed, pending := todo.Completed, todo.Pending
	done := todo.NewContent("one")
	done.Status = todo.Completed
	for name, c := range map[string]struct {
		ops  []todo.Op
		want []todo.Kind
	}{
		"complete, reopen": {[]todo.Op{todo.Complete{Ref: number(1)}, todo.Reopen{Ref: number(1)}}, []todo.Kind{todo.KindCompleted, todo.KindReopened}},
		"toggle twice":     {[]todo.Op{todo.Toggle{Ref: number(1)}, todo.Toggle{Ref: number(1)}}, []todo.Kind{todo.KindCompleted, todo.KindReopened}},
		"patch twice": {[]todo.Op{
			todo.Update{Ref: number(1), Patch: todo.Patch{Status: &completed}},
			todo.Update{Ref: number(1), Patch: todo.Patch{Status: &pending}},
		}, []todo.Kind{todo.KindCompleted, todo.KindReopened}},
		"replace": {[]todo.Op{todo.Replace{Ref: number(1), Content: done}}, []todo.Kind{todo.KindCompleted}},
	} {
		l := newLedger()
		l.mustApply(t, noon, create("one"))
		d := l.mustApply(t, later, c.ops...)
		var got []todo.Kind
		for _, change := range d.Changes {
			got = append(got, change.Kind)
			if (change.After.Status == todo.Completed) != (change.After.CompletedAt != nil) {
				t.Errorf("%s: status %s with completed_at %v", name, change.After.Status, change.After.CompletedAt)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: kinds (-want +got):\n%s", name, diff)
		}
	}
}

func TestWhatCannotBeDoneSaysWhichOperationAndWhy(t *testing.T) {
	t.Parallel()
	long := todo.NewContent(strings.Repeat("é", todo.MaxTitle+1))
	for name, c := range map[string]struct {
		ops   []todo.Op
		index int
		kind  fault.Kind
	}{
		"no such number":   {[]todo.Op{todo.Complete{Ref: number(1)}, todo.Complete{Ref: number(9)}}, 1, fault.NotFound},
		"no such id":       {[]todo.Op{todo.Delete{Ref: todo.Ref{ID: uuid.New()}}}, 0, fault.NotFound},
		"deleted before":   {[]todo.Op{todo.Delete{Ref: number(1)}, todo.Reopen{Ref: number(1)}}, 1, fault.NotFound},
		"stale":            {[]todo.Op{todo.Complete{Ref: number(1), IfMatch: 7}}, 0, fault.Stale},
		"stale in a batch": {[]todo.Op{todo.Complete{Ref: number(1), IfMatch: 1}, todo.Reopen{Ref: number(1), IfMatch: 1}}, 1, fault.Stale},
		"title too long":   {[]todo.Op{todo.Create{ID: uuid.New(), Content: long}}, 0, fault.Invalid},
		"no such change":   {[]todo.Op{todo.Undo{Seq: 99}}, 0, fault.NotFound},
	} {
		l := newLedger()
		l.mustApply(t, noon, create("one"))
		before := len(l.changes)
		_, err := l.apply(later, c.ops...)
		var at *todo.OpError
		if !errors.As(err, &at) || at.Index != c.index || fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want operation %d refused as %s", name, err, c.index, c.kind)
		}
		if len(l.changes) != before {
			t.Errorf("%s: something changed all the same", name)
		}
	}
}

func TestContentIsHeldToItsLimits(t *testing.T) {
	t.Parallel()
	many := make([]string, todo.MaxTags+1)
	for i := range many {
		many[i] = fmt.Sprint("tag", i)
	}
	with := func(change func(*todo.Content)) todo.Content {
		c := todo.NewContent("a title")
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		content  todo.Content
		location string // empty: allowed
	}{
		"255 characters":         {todo.NewContent(strings.Repeat("é", 255)), ""},
		"256 characters":         {todo.NewContent(strings.Repeat("é", 256)), "title"},
		"blank":                  {todo.NewContent(" \u00a0 "), "title"},
		"line break in title":    {todo.NewContent("a\nb"), "title"},
		"right to left, emoji":   {todo.NewContent("دودھ خریدیں 🥛"), ""},
		"not UTF-8":              {todo.NewContent("a\xff"), "title"},
		"long description":       {with(func(c *todo.Content) { c.Description = strings.Repeat("x", 10_001) }), "description"},
		"NUL in description":     {with(func(c *todo.Content) { c.Description = "a\x00" }), "description"},
		"line break in text":     {with(func(c *todo.Content) { c.Description = "a\r\n\tb" }), ""},
		"unknown status":         {with(func(c *todo.Content) { c.Status = "open" }), "status"},
		"unknown priority":       {with(func(c *todo.Content) { c.Priority = "urgent" }), "priority"},
		"empty tag":              {with(func(c *todo.Content) { c.Tags = []string{"a", " "} }), "tags[1]"},
		"long tag":               {with(func(c *todo.Content) { c.Tags = []string{strings.Repeat("x", 51)} }), "tags[0]"},
		"too many tags":          {with(func(c *todo.Content) { c.Tags = many }), "tags"},
		"the same tag, 21 times": {with(func(c *todo.Content) { c.Tags = slices.Repeat([]string{"x"}, 21) }), ""},
	} {
		_, err := newLedger().apply(noon, todo.Create{ID: uuid.New(), Content: c.content})
		var f *fault.Error
		switch {
		case c.location == "" && err != nil:
			t.Errorf("%s: refused: %v", name, err)
		case c.location != "" && (!errors.As(err, &f) || f.Kind != fault.Invalid || f.Fields[0].Location != c.location):
			t.Errorf("%s: %v, want %s refused", name, err, c.location)
		}
	}
}

func TestUndoOfWhatHasMovedOnIsRefused(t *testing.T) {
	t.Parallel()
	title, other := "renamed", "renamed again"
	l := newLedger()
	l.mustApply(t, noon, create("one"))                                                 // 1
	l.mustApply(t, noon, todo.Update{Ref: number(1), Patch: todo.Patch{Title: &title}}) // 2
	l.mustApply(t, noon, todo.Update{Ref: number(1), Patch: todo.Patch{Title: &other}}) // 3
	l.mustApply(t, noon, todo.Delete{Ref: number(1)})                                   // 4
	for seq := range int64(3) {
		if _, err := l.apply(later, todo.Undo{Seq: seq + 1}); fault.KindOf(err) != fault.Conflict {
			t.Errorf("undo of %d, which is not the last: %v, want a conflict", seq+1, err)
		}
	}
	l.mustApply(t, later, todo.Undo{Seq: 4})
	if _, err := l.apply(later, todo.Undo{Seq: 4}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("undo of what is undone: %v, want a conflict", err)
	}
}

func TestUndoGoesBackStepByStep(t *testing.T) {
	t.Parallel()
	title := "renamed"
	l := newLedger()
	var states []map[uuid.UUID]todo.Todo
	for _, op := range []todo.Op{
		create("one"), todo.Complete{Ref: number(1)}, todo.Update{Ref: number(1), Patch: todo.Patch{Title: &title}}, todo.Delete{Ref: number(1)},
	} {
		states = append(states, timeless(l.todos))
		l.mustApply(t, noon, op)
	}
	for seq := int64(4); seq > 0; seq-- {
		l.mustApply(t, later, todo.Undo{Seq: seq})
		if diff := cmp.Diff(states[seq-1], timeless(l.todos)); diff != "" {
			t.Errorf("undo of %d (-want +got):\n%s", seq, diff)
		}
	}
}

// TestUndoRestoresTheExactEarlierState does random requests to random accounts
// and takes each back: all is as it was, but for version and updated_at.
func TestUndoRestoresTheExactEarlierState(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		l := newLedger()
		l.mustApply(t, noon, create("one"), create("two"), create("three"))
		for range random.IntN(5) {
			_, _ = l.apply(noon, randomOps(random, 4)...) // what is refused changes nothing
		}
		before := timeless(l.todos)
		d, err := l.apply(later, randomOps(random, 6)...)
		if err != nil || len(d.Changes) == 0 {
			continue
		}
		undone := d.Changes[random.IntN(len(d.Changes))].Seq
		l.mustApply(t, later.Add(time.Minute), todo.Undo{Seq: undone})
		if diff := cmp.Diff(before, timeless(l.todos)); diff != "" {
			t.Fatalf("round %d: undo left (-want +got):\n%s", round, diff)
		}
		for i, c := range l.changes {
			if c.Seq != int64(i+1) || c.Batch > c.Seq {
				t.Fatalf("round %d: change %d has seq %d in batch %d: want no gap", round, i, c.Seq, c.Batch)
			}
		}
	}
}

// TestAPatchNeverTouchesAFieldThatWasNotSent tries random patches.
func TestAPatchNeverTouchesAFieldThatWasNotSent(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 2_000 {
		l := newLedger()
		content := randomContent(random)
		before := l.mustApply(t, noon, todo.Create{ID: uuid.New(), Content: content}).Todos[0]
		patch := randomPatch(random)
		after := l.mustApply(t, later, todo.Update{Ref: number(1), Patch: patch}).Todos[0]

		want := before
		if patch.Title != nil {
			want.Title = *patch.Title
		}
		if patch.Description != nil {
			want.Description = *patch.Description
		}
		if patch.Status != nil {
			want.Status = *patch.Status
			want.CompletedAt = after.CompletedAt
		}
		if patch.Priority != nil {
			want.Priority = *patch.Priority
		}
		if patch.Due != nil {
			want.Due = *patch.Due
		}
		if patch.Tags != nil {
			want.Tags = *patch.Tags
		}
		want.Version, want.UpdatedAt = after.Version, after.UpdatedAt
		if diff := cmp.Diff(want, after); diff != "" {
			t.Fatalf("patch %+v (-want +got):\n%s", patch, diff)
		}
	}
}

func timeless(todos map[uuid.UUID]todo.Todo) map[uuid.UUID]todo.Todo {
	out := make(map[uuid.UUID]todo.Todo, len(todos))
	for id, t := range todos {
		t.Version, t.UpdatedAt = 0, time.Time{}
		out[id] = t
	}
	return out
}

func randomOps(r *rand.Rand, most int) []todo.Op {
	ops := make([]todo.Op, 1+r.IntN(most))
	for i := range ops {
		ref := number(1 + r.IntN(4))
		switch r.IntN(7) {
		case 0:
			ops[i] = todo.Create{ID: uuid.New(), Content: randomContent(r)}
		case 1:
			ops[i] = todo.Update{Ref: ref, Patch: randomPatch(r)}
		case 2:
			ops[i] = todo.Replace{Ref: ref, Content: randomContent(r)}
		case 3:
			ops[i] = todo.Complete{Ref: ref}
		case 4:
			ops[i] = todo.Reopen{Ref: ref}
		case 5:
			ops[i] = todo.Toggle{Ref: ref}
		default:
			ops[i] = todo.Delete{Ref: ref}
		}
	}
	return ops
}

func randomContent(r *rand.Rand) todo.Content {
	return todo.Content{
		Title: fmt.Sprint("title ", r.IntN(3)), Description: fmt.Sprint(r.IntN(2)), Status: randomStatus(r),
		Priority: randomPriority(r), Due: randomDue(r), Tags: randomTags(r),
	}
}

func randomPatch(r *rand.Rand) todo.Patch {
	c := randomContent(r)
	return todo.Patch{
		Title: maybe(r, c.Title), Description: maybe(r, c.Description), Status: maybe(r, c.Status),
		Priority: maybe(r, c.Priority), Due: maybe(r, c.Due), Tags: maybe(r, c.Tags),
	}
}

func maybe[T any](r *rand.Rand, value T) *T {
	if r.IntN(2) == 0 {
		return nil
	}
	return &value
}

func randomStatus(r *rand.Rand) todo.Status {
	return []todo.Status{todo.Pending, todo.Completed}[r.IntN(2)]
}

func randomPriority(r *rand.Rand) todo.Priority {
	return []todo.Priority{todo.Low, todo.Medium, todo.High}[r.IntN(3)]
}

func randomDue(r *rand.Rand) todo.Due {
	day := time.Date(2026, 3, 1+r.IntN(3), 0, 0, 0, 0, time.UTC)
	return []todo.Due{{}, {On: day}, {At: day.Add(time.Hour)}}[r.IntN(3)]
}

func randomTags(r *rand.Rand) []string {
	return [][]string{{}, {"home"}, {"home", "garden"}}[r.IntN(3)]
}
