package todo

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
)

// Kind says what a change did.
type Kind string

// The kinds of change.
const (
	KindCreated   Kind = "created"
	KindUpdated   Kind = "updated"
	KindCompleted Kind = "completed"
	KindReopened  Kind = "reopened"
	KindDeleted   Kind = "deleted"
	KindRestored  Kind = "restored" // a deletion was undone
)

// Change is one entry of an account's history. Seqs of an account have no
// gaps; Batch is the first seq of the request that made the change.
type Change struct {
	Seq    int64     `json:"seq"`
	Batch  int64     `json:"batch"`
	Kind   Kind      `json:"kind"`
	TodoID uuid.UUID `json:"todo_id"`
	Number int       `json:"number"`
	Before *Todo     `json:"before"` // nil: it was not there
	After  *Todo     `json:"after"`  // nil: it is no longer there
	At     time.Time `json:"at"`
}

// State is what Decide must know of an account, read under its lock.
type State struct {
	Seq        int64 // the account's last change
	NextNumber int
	Todos      []Todo // those that the operations name, as far as they exist

	// For an Undo: the changes of the request that it names, in order, and the
	// latest change of each todo that they touch.
	Undone []Change
	Latest map[uuid.UUID]Change
}

// Decision is what a request does.
type Decision struct {
	Seq        int64 // afterwards
	NextNumber int
	Changes    []Change
	// Todos has one entry an operation (one a todo for an Undo): the todo as
	// it is once all is done. A deleted one is as it last was, with the
	// version of its deletion.
	Todos []Todo
}

// OpError says which operation of a request could not be done.
type OpError struct {
	Index int
	Err   error
}

func (e *OpError) Error() string { return fmt.Sprintf("operation %d: %v", e.Index, e.Err) }
func (e *OpError) Unwrap() error { return e.Err }

// Decide says what the operations do to the account at now: all of them, or
// an *OpError for the first that cannot be done. It is a pure function.
//
// The errors are fault.NotFound for a todo that is not there, fault.Stale for
// an IfMatch that is not its version, fault.Invalid for a value that is not
// allowed, and fault.Conflict for an Undo of what has changed since.
func Decide(state State, ops []Op, now time.Time) (Decision, error) {
	w := newWork(state, now)
	named := make([]uuid.UUID, 0, len(ops))
	for i, op := range ops {
		ids, err := w.do(op)
		if err != nil {
			return Decision{}, &OpError{i, err}
		}
		named = append(named, ids...)
	}
	d := Decision{Seq: w.seq, NextNumber: w.nextNumber, Changes: w.changes, Todos: make([]Todo, len(named))}
	for i, id := range named {
		d.Todos[i] = w.latest[id]
	}
	return d, nil
}

// work is an account in the middle of a request.
type work struct {
	now        time.Time
	batch      int64
	seq        int64
	nextNumber int
	undone     []Change
	lastKnown  map[uuid.UUID]Change

	present map[uuid.UUID]Todo // what is there now
	numbers map[int]uuid.UUID
	latest  map[uuid.UUID]Todo // what is there, or was there last
	changes []Change
}

func newWork(s State, now time.Time) *work {
	w := &work{
		now: now, batch: s.Seq + 1, seq: s.Seq, nextNumber: s.NextNumber, undone: s.Undone, lastKnown: s.Latest,
		present: make(map[uuid.UUID]Todo, len(s.Todos)),
		numbers: make(map[int]uuid.UUID, len(s.Todos)),
		latest:  make(map[uuid.UUID]Todo, len(s.Todos)),
	}
	for _, t := range s.Todos {
		w.present[t.ID], w.latest[t.ID], w.numbers[t.Number] = t, t, t.ID
	}
	return w
}

// do carries out one operation and returns the todos that it names.
func (w *work) do(op Op) ([]uuid.UUID, error) {
	switch op := op.(type) {
	case Create:
		return w.create(op)
	case Update:
		return w.edit(op.Ref, op.IfMatch, op.Patch.apply)
	case Replace:
		return w.edit(op.Ref, op.IfMatch, func(Content) Content { return op.Content })
	case Complete:
		return w.edit(op.Ref, op.IfMatch, withStatus(Completed))
	case Reopen:
		return w.edit(op.Ref, op.IfMatch, withStatus(Pending))
	case Toggle:
		return w.edit(op.Ref, op.IfMatch, toggled)
	case Delete:
		return w.delete(op)
	case Undo:
		return w.undo()
	}
	return nil, fmt.Errorf("unknown operation %T", op)
}

func withStatus(s Status) func(Content) Content {
	return func(c Content) Content {
		c.Status = s
		return c
	}
}

func toggled(c Content) Content {
	if c.Status == Completed {
		return withStatus(Pending)(c)
	}
	return withStatus(Completed)(c)
}

func (w *work) create(op Create) ([]uuid.UUID, error) {
	content, err := op.Content.normal()
	if err != nil {
		return nil, err
	}
	t := Todo{ID: op.ID, Number: w.nextNumber, CreatedAt: w.now}.with(content, w.now)
	w.nextNumber++
	w.record(KindCreated, nil, &t)
	return []uuid.UUID{t.ID}, nil
}

func (w *work) edit(ref Ref, match IfMatch, change func(Content) Content) ([]uuid.UUID, error) {
	before, err := w.find(ref, match)
	if err != nil {
		return nil, err
	}
	content, err := change(before.content()).normal()
	if err != nil {
		return nil, err
	}
	if !content.equal(before.content()) {
		after := before.with(content, w.now)
		w.record(kindOf(before, after), &before, &after)
	}
	return []uuid.UUID{before.ID}, nil
}

func (w *work) delete(op Delete) ([]uuid.UUID, error) {
	before, err := w.find(op.Ref, op.IfMatch)
	if err != nil {
		return nil, err
	}
	w.record(KindDeleted, &before, nil)
	return []uuid.UUID{before.ID}, nil
}

// undo puts every todo of the undone request back to what it was before it,
// the last one touched first. Each must still be as the request left it;
// changes that were undone themselves do not count.
func (w *work) undo() ([]uuid.UUID, error) {
	if len(w.undone) == 0 {
		return nil, fault.New(fault.NotFound, "there is no change with this number")
	}
	first, last := map[uuid.UUID]Change{}, map[uuid.UUID]Change{}
	var ids []uuid.UUID
	for _, c := range slices.Backward(w.undone) {
		if _, seen := last[c.TodoID]; !seen {
			last[c.TodoID] = c
			ids = append(ids, c.TodoID)
		}
		first[c.TodoID] = c
	}
	var touched []uuid.UUID
	for _, id := range ids {
		if !leavesTheSame(last[id], w.lastKnown[id]) {
			return nil, fault.Newf(fault.Conflict, "todo #%d has changed since: undo the later change first", last[id].Number)
		}
		if first[id].Before == nil && last[id].After == nil {
			continue // it came and went within the request
		}
		w.putBack(id, first[id].Before)
		touched = append(touched, id)
	}
	return touched, nil
}

// leavesTheSame reports whether two changes of a todo leave it in the same
// state, or take it away from the same state.
func leavesTheSame(a, b Change) bool {
	switch {
	case a.Seq == b.Seq:
		return true
	case a.After != nil && b.After != nil:
		return a.After.equal(*b.After)
	case a.After == nil && b.After == nil:
		return a.Before.equal(*b.Before)
	}
	return false
}

// putBack turns a todo into what it was, nil meaning absent.
func (w *work) putBack(id uuid.UUID, was *Todo) {
	is, present := w.present[id]
	switch {
	case !present:
		w.record(KindRestored, nil, was)
	case was == nil:
		w.record(KindDeleted, &is, nil)
	default:
		w.record(kindOf(is, *was), &is, was)
	}
}

func (w *work) find(ref Ref, match IfMatch) (Todo, error) {
	id := ref.ID
	if ref.Number != 0 {
		id = w.numbers[ref.Number]
	}
	t, ok := w.present[id]
	if !ok {
		return Todo{}, fault.New(fault.NotFound, "there is no such todo")
	}
	if match != 0 && int64(match) != t.Version {
		return Todo{}, fault.New(fault.Stale, "the todo has changed since you read it: read it again, then decide")
	}
	return t, nil
}

// record takes the account's next seq for a change, which becomes the version
// of the todo it leaves behind.
func (w *work) record(kind Kind, before, after *Todo) {
	w.seq++
	c := Change{Seq: w.seq, Batch: w.batch, Kind: kind, Before: before, At: w.now}
	if after != nil {
		t := *after
		t.Version, t.UpdatedAt = w.seq, w.now
		c.TodoID, c.Number, c.After = t.ID, t.Number, &t
		w.present[t.ID], w.numbers[t.Number] = t, t.ID
	} else {
		c.TodoID, c.Number = before.ID, before.Number
		delete(w.present, before.ID)
	}
	w.latest[c.TodoID] = c.Todo()
	w.changes = append(w.changes, c)
}

// Todo returns the todo as answers show it once the change is made: a deleted
// one is as it last was, with the version of its deletion.
func (c Change) Todo() Todo {
	if c.After != nil {
		return *c.After
	}
	t := *c.Before
	t.Version = c.Seq
	return t
}

func kindOf(before, after Todo) Kind {
	switch {
	case before.Status == after.Status:
		return KindUpdated
	case after.Status == Completed:
		return KindCompleted
	}
	return KindReopened
}
