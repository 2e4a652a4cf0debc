package main

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/todo"
)

// world is an account at one moment of its history.
type world struct {
	seq     int64
	next    int // number of a new todo
	present map[uuid.UUID]todo.Todo
	numbers map[int]uuid.UUID
	history []todo.Change
	latest  map[uuid.UUID]todo.Change
}

func newWorld() *world {
	return &world{next: 1, present: map[uuid.UUID]todo.Todo{}, numbers: map[int]uuid.UUID{}, latest: map[uuid.UUID]todo.Change{}}
}

func (w *world) apply(b *batch) {
	for _, c := range b.changes {
		w.seq = c.Seq
		w.history = append(w.history, c)
		w.latest[c.TodoID] = c
		w.numbers[c.Number] = c.TodoID
		if c.Kind == todo.KindCreated {
			w.next = max(w.next, c.Number+1)
		}
		if c.After == nil {
			delete(w.present, c.TodoID)
		} else {
			w.present[c.TodoID] = *c.After
		}
	}
}

func (w *world) numbered(n int) (todo.Todo, bool) {
	t, ok := w.present[w.numbers[n]]
	return t, ok
}

// newest returns up to n todos, the last number first.
func (w *world) newest(n int) []todo.Todo {
	todos := inOrder(w.present)
	slices.Reverse(todos)
	return todos[:min(n, len(todos))]
}

// decide says what the operations do here. The ids and the time that the server
// chose are those of the batch, if there is one.
func (w *world) decide(ops []todo.Op, b *batch) (todo.Decision, error) {
	var made []todo.Change
	var now time.Time
	if b != nil {
		made, now = b.changes, b.changes[0].At
	}
	return todo.Decide(w.state(ops), withIDs(ops, made), now)
}

// withIDs gives the creations the ids of the todos that were created, and the
// rest of them some that nothing else has.
func withIDs(ops []todo.Op, changes []todo.Change) []todo.Op {
	var ids []uuid.UUID
	for _, c := range changes {
		if c.Kind == todo.KindCreated {
			ids = append(ids, c.TodoID)
		}
	}
	ops = slices.Clone(ops)
	for i, op := range ops {
		create, ok := op.(todo.Create)
		if !ok {
			continue
		}
		create.ID = uuid.NewSHA1(uuid.Nil, []byte{byte(i >> 8), byte(i)})
		if len(ids) > 0 {
			create.ID, ids = ids[0], ids[1:]
		}
		ops[i] = create
	}
	return ops
}

// state is what deciding needs to know.
func (w *world) state(ops []todo.Op) todo.State {
	s := todo.State{Seq: w.seq, NextNumber: w.next}
	add := func(id uuid.UUID) {
		if t, ok := w.present[id]; ok {
			s.Todos = append(s.Todos, t)
		}
	}
	for _, op := range ops {
		if ref, ok := todo.RefOf(op); ok {
			id := ref.ID
			if ref.Number != 0 {
				id = w.numbers[ref.Number]
			}
			add(id)
		}
	}
	if undo, ok := ops[0].(todo.Undo); ok {
		s.Undone, s.Latest = w.undone(undo.Seq), map[uuid.UUID]todo.Change{}
		for _, c := range s.Undone {
			add(c.TodoID)
			s.Latest[c.TodoID] = w.latest[c.TodoID]
		}
	}
	return s
}

// undone are the changes of the request that the change belongs to.
func (w *world) undone(seq int64) []todo.Change {
	if seq < 1 || seq > int64(len(w.history)) {
		return nil
	}
	request := w.history[seq-1].Batch
	var changes []todo.Change
	for _, c := range w.history[request-1:] {
		if c.Batch != request {
			break
		}
		changes = append(changes, c)
	}
	return changes
}

// fits reports whether the deed, done here, would have made the batch.
func (w *world) fits(d *deed, b *batch) bool {
	decision, err := w.decide(d.requests[0].Ops, b)
	return err == nil && show(decision.Changes) == show(b.changes)
}
