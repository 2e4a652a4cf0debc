package main

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
)

// story is a history made by hand: what happens, and what clients say of it.
type story struct {
	t        *testing.T
	account  uuid.UUID
	world    *world
	clock    time.Duration
	made     int // ids
	requests []*request
}

func newStory(t *testing.T) *story {
	return &story{t: t, account: uuid.New(), world: newWorld()}
}

func (s *story) tick() time.Duration {
	s.clock += time.Millisecond
	return s.clock
}

// happens does the operations, whoever asked for them.
func (s *story) happens(ops ...todo.Op) answer {
	s.t.Helper()
	b := &batch{first: s.world.seq + 1}
	for _, op := range ops {
		if _, ok := op.(todo.Create); ok {
			s.made++
			b.changes = append(b.changes, todo.Change{Kind: todo.KindCreated, TodoID: uuid.NewSHA1(s.account, []byte{byte(s.made)})})
		}
	}
	now := time.Date(2030, 1, 1, 0, 0, int(s.world.seq), 0, time.UTC)
	decision, err := todo.Decide(s.world.state(ops), withIDs(ops, b.changes), now)
	if err != nil {
		s.t.Fatalf("%+v: %v", ops, err)
	}
	if b.changes = decision.Changes; len(b.changes) > 0 {
		s.world.apply(b)
	}
	return answer{Todos: decision.Todos, Changes: decision.Changes}
}

// says adds what a client has asked, just now, and been told.
func (s *story) says(r request) *request {
	r.ID, r.Client, r.Account, r.Began, r.Ended = len(s.requests)+1, 1, s.account, s.tick(), s.tick()
	s.requests = append(s.requests, &r)
	return &r
}

// asks is a request that is carried out, and acknowledged.
func (s *story) asks(key string, ops ...todo.Op) *request {
	s.t.Helper()
	a := s.happens(ops...)
	r := request{Key: key, Ops: ops, Batch: len(ops) > 1, Outcome: acknowledged, Status: 200, Answer: a}
	if !r.Batch && !isUndo(ops) {
		r.Answer.Changes = nil
	}
	return s.says(r)
}

func (s *story) asksInVain(ops []todo.Op, status int, why fault.Kind) *request {
	return s.says(request{Ops: ops, Outcome: refused, Status: status, Fault: why})
}

// loses is a request without an answer.
func (s *story) loses(key string, ops ...todo.Op) *request {
	return s.says(request{Key: key, Ops: ops, Outcome: unknown})
}

func (s *story) reads(number int) *request {
	r := request{Read: read{Number: number}, Outcome: acknowledged, Status: 200}
	t, there := s.world.numbered(number)
	if r.Answer.Todos = []todo.Todo{t}; !there {
		r.Outcome, r.Status, r.Fault, r.Answer = refused, 404, fault.NotFound, answer{}
	}
	return s.says(r)
}

// end is the record of the story, and the ledger for a test to spoil.
func (s *story) end() (record, *ledger) {
	r := record{Ledgers: []ledger{{Account: s.account}}}
	for _, q := range s.requests {
		r.Requests = append(r.Requests, *q)
	}
	l := &r.Ledgers[0]
	for _, changes := range []*[]todo.Change{&l.Changes, &l.Stored.Changes} {
		for _, c := range s.world.history {
			c.Before, c.After = copied(c.Before), copied(c.After)
			*changes = append(*changes, c)
		}
	}
	l.Todos, l.Stored.Todos = inOrder(s.world.present), inOrder(s.world.present)
	l.Stored.Seq, l.Stored.NextNumber = s.world.seq, s.world.next
	return r, l
}

func copied(t *todo.Todo) *todo.Todo {
	if t == nil {
		return nil
	}
	c := *t
	return &c
}

func create(title string) todo.Create { return todo.Create{Content: todo.NewContent(title)} }

func update(number int, description string, match todo.IfMatch) todo.Update {
	return todo.Update{Ref: todo.Ref{Number: number}, Patch: todo.Patch{Description: &description}, IfMatch: match}
}

func complete(number int) todo.Complete { return todo.Complete{Ref: todo.Ref{Number: number}} }
func remove(number int) todo.Delete     { return todo.Delete{Ref: todo.Ref{Number: number}} }

// nothing spoils nothing.
func nothing(*ledger) {}

func TestAHistoryThatCanBeIsNotBlamed(t *testing.T) {
	t.Parallel()
	for name, tell := range map[string]func(*story){
		"each kind of request, one after another": func(s *story) {
			made := s.asks("k1", create("one"))
			again := s.says(*made)
			again.Key = "k1"
			s.reads(1)
			s.asks("", update(1, "changed", 1))
			s.asksInVain([]todo.Op{update(1, "again", 1)}, 412, fault.Stale)
			s.asks("", complete(1))
			s.asks("", complete(1))
			s.asks("", create("two"), complete(2-1), update(1, "both", 0))
			s.asks("", remove(1))
			s.reads(1)
			s.asksInVain([]todo.Op{complete(1)}, 404, fault.NotFound)
			s.asks("", todo.Undo{Seq: s.world.seq})
			s.says(request{Key: "k1", Ops: []todo.Op{create("another")}, Outcome: refused, Status: 422, Fault: fault.KeyReused})
			s.says(request{Read: read{Newest: 1}, Outcome: acknowledged, Answer: answer{Todos: s.world.newest(1), Seq: s.world.seq}})
		},
		"what was lost was done, or not": func(s *story) {
			s.asks("", create("one"))
			s.loses("", complete(1))
			s.loses("", remove(1))
			s.happens(complete(1))
			s.loses("k", create("two"))
			a := s.happens(create("two"))
			a.Changes = nil
			s.says(request{Key: "k", Ops: []todo.Op{create("two")}, Outcome: acknowledged, Answer: a})
		},
		"of two completions at once one found it done": func(s *story) {
			s.asks("", create("one"))
			first := s.asks("", complete(1))
			second := s.says(*first)
			second.Began = first.Began
		},
		"of two completions at once the one with an If-Match was first": func(s *story) {
			s.asks("", create("one"))
			other := s.says(request{Ops: []todo.Op{complete(1)}, Outcome: acknowledged, Status: 200})
			first := s.asks("", todo.Complete{Ref: todo.Ref{Number: 1}, IfMatch: 1})
			other.Answer, other.Ended = first.Answer, first.Ended
		},
		"what was lost is done long after": func(s *story) {
			s.asks("", create("one"))
			s.loses("", update(1, "late", 0))
			s.asks("", create("two"))
			s.reads(1)
			s.happens(update(1, "late", 0))
			s.reads(1)
		},
		"a read may see what is done meanwhile, or not": func(s *story) {
			s.asks("", create("one"))
			before := s.reads(1)
			changed := s.asks("", update(1, "changed", 0))
			after := s.reads(1)
			before.Ended, after.Began = changed.Ended, changed.Began
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t)
			tell(s)
			r, _ := s.end()
			for _, v := range check(r).found {
				t.Errorf("blamed: %s", v)
			}
		})
	}
}

func TestEachViolationIsFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tell  func(*story)
		spoil func(*ledger)
		want  kind
	}{
		"a seq is missing": {
			func(s *story) { s.asks("", create("one"), create("two"), create("three")) },
			func(l *ledger) { l.Stored.Changes = append(l.Stored.Changes[:1], l.Stored.Changes[2]) }, gap,
		},
		"the account has counted further": {
			func(s *story) { s.asks("", create("one")) }, func(l *ledger) { l.Stored.Seq++ }, gap,
		},
		"a request's changes are torn apart": {
			func(s *story) { s.asks("", create("one"), create("two")); s.asks("", create("three")) },
			func(l *ledger) { l.Stored.Changes[2].Batch = 2 }, gap,
		},
		"before is not what was there": {
			func(s *story) { s.asks("", create("one")); s.asks("", update(1, "changed", 0)) },
			func(l *ledger) { l.Stored.Changes[1].Before.Title = "another" }, rewritten,
		},
		"the table is not what the changes yield": {
			func(s *story) { s.asks("", create("one")) }, func(l *ledger) { l.Stored.Todos[0].Title = "another" }, drifted,
		},
		"the table has another version": {
			func(s *story) { s.asks("", create("one")) }, func(l *ledger) { l.Stored.Todos[0].Version = 7 }, drifted,
		},
		"the API tells something else": {
			func(s *story) { s.asks("", create("one")) }, func(l *ledger) { l.Changes[0].After.Title = "another" }, drifted,
		},
		"a number is given twice": {
			func(s *story) { s.asks("", create("one")); s.asks("", create("two")) },
			func(l *ledger) { l.Stored.Changes[1].Number, l.Stored.Changes[1].After.Number = 1, 1 }, renamed,
		},
		"a number will be given again": {
			func(s *story) { s.asks("", create("one")); s.asks("", remove(1)) },
			func(l *ledger) { l.Stored.NextNumber = 1 }, renamed,
		},
		"an acknowledged write is not there": {
			func(s *story) {
				made := s.asks("", create("one"))
				gone := *made
				gone.Answer.Todos = []todo.Todo{made.Answer.Todos[0]}
				gone.Answer.Todos[0].Version = 2
				s.says(gone)
			}, nothing, lost,
		},
		"an acknowledged write is there otherwise": {
			func(s *story) {
				s.asks("", create("one"))
				s.asks("", update(1, "asked", 0)).Ops = []todo.Op{update(1, "meant", 0)}
			}, nothing, lost,
		},
		"two were answered with the same change": {
			func(s *story) { s.says(*s.asks("", create("one"))) }, nothing, lost,
		},
		"a key made two todos, and said so": {
			func(s *story) { s.asks("k", create("one")); s.asks("k", create("one")) }, nothing, twice,
		},
		"a key made two todos, and told of one": {
			func(s *story) {
				s.loses("k", create("one"))
				s.happens(create("one"))
				s.asks("k", create("one"))
			}, nothing, twice,
		},
		"what was lost was done twice": {
			func(s *story) {
				s.loses("", create("one"))
				s.happens(create("one"))
				s.happens(create("one"))
			}, nothing, twice,
		},
		"what was refused was done": {
			func(s *story) {
				s.asks("", create("one"))
				s.asksInVain([]todo.Op{remove(1)}, 404, fault.NotFound)
				s.happens(remove(1))
			}, nothing, unasked,
		},
		"nobody asked": {
			func(s *story) { s.happens(create("one")) }, nothing, unasked,
		},
		"the loser of an If-Match won": {
			func(s *story) {
				s.asks("", create("one"))
				s.asks("", update(1, "first", 1))
				s.asks("", update(1, "second", 0)).Ops = []todo.Op{update(1, "second", 1)}
			}, nothing, staleWon,
		},
		"a later write has a lower seq": {
			func(s *story) {
				first := s.asks("", create("one"))
				s.asks("", create("two"))
				first.Began, first.Ended = s.tick(), s.tick()
			}, nothing, backwards,
		},
		"a read goes back": {
			func(s *story) {
				s.asks("", create("one"))
				old := s.reads(1)
				s.asks("", update(1, "changed", 0))
				old.Began, old.Ended = s.tick(), s.tick()
			}, nothing, backwards,
		},
		"a list goes back": {
			func(s *story) {
				s.asks("", create("one"))
				old := s.says(request{Read: read{Newest: 5}, Outcome: acknowledged, Answer: answer{Todos: s.world.newest(5), Seq: 1}})
				s.asks("", create("two"))
				old.Began, old.Ended = s.tick(), s.tick()
			}, nothing, backwards,
		},
		"a read tells what never was": {
			func(s *story) { s.asks("", create("one")); s.reads(1).Answer.Todos[0].Title = "another" }, nothing, untrue,
		},
		"a todo is said not to be there": {
			func(s *story) {
				s.asks("", create("one"))
				s.asksInVain([]todo.Op{complete(1)}, 404, fault.NotFound)
			}, nothing, backwards,
		},
		"an If-Match that holds is refused": {
			func(s *story) {
				s.asks("", create("one"))
				s.asksInVain([]todo.Op{update(1, "first", 1)}, 412, fault.Stale)
			}, nothing, untrue,
		},
		"a completion did nothing to what was pending": {
			func(s *story) {
				made := s.asks("", create("one"))
				s.says(request{Ops: []todo.Op{complete(1)}, Outcome: acknowledged, Answer: made.Answer})
			}, nothing, untrue,
		},
		"a repeat is answered otherwise": {
			func(s *story) {
				again := *s.asks("k", create("one"))
				again.Answer.Todos = []todo.Todo{again.Answer.Todos[0]}
				again.Answer.Todos[0].Title = "another"
				s.says(again)
			}, nothing, untrue,
		},
		"a key is said to be used that is not": {
			func(s *story) {
				s.says(request{Key: "k", Ops: []todo.Op{create("one")}, Outcome: refused, Status: 422, Fault: fault.KeyReused})
			}, nothing, untrue,
		},
		"an answer of 500": {
			func(s *story) { s.loses("", create("one")).Status = 500 }, nothing, failed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t)
			test.tell(s)
			r, l := s.end()
			test.spoil(l)
			found := check(r).found
			for _, v := range found {
				if v.Kind == test.want {
					return
				}
			}
			t.Errorf("found %s %v, want one of %s", summary(found), found, test.want)
		})
	}
}
