package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
)

// kind is what a violation is of.
type kind string

const (
	gap       kind = "gap"       // seqs are 1, 2, 3 …, and a request's are neighbours
	rewritten kind = "before"    // a change's before is what was there
	drifted   kind = "table"     // replaying the changes yields the tables, and the API tells what they hold
	renamed   kind = "number"    // numbers are given in order, and never to another todo
	lost      kind = "lost"      // what was acknowledged is there, as it was asked
	twice     kind = "twice"     // what was asked once was done once
	unasked   kind = "unasked"   // each change was asked for, and not refused
	staleWon  kind = "stale"     // an If-Match names the version that is changed
	backwards kind = "backwards" // what was answered is known to all that is asked later
	untrue    kind = "untrue"    // answers tell what was so between question and answer
	failed    kind = "failed"    // nothing is answered with 500
)

// violation is a promise that was not kept.
type violation struct {
	Kind     kind
	Account  uuid.UUID
	Seq      int64 // of the change; zero when it is about none
	What     string
	Requests []request // that are involved
}

// verdict is what a check comes to.
type verdict struct {
	found []violation
	// The writes of which no client was told the outcome: those that took
	// effect, and those that did not.
	done, undone int
}

// check says what in the record cannot be. It is a pure function.
//
// An account's seqs say in which order its writes took effect, so that there is
// no order to search for: each acknowledged write must do, to the state just
// before its seq, exactly what todo.Decide says, and its seq must be later than
// all that was known when it was asked. What changed nothing (reads, refusals,
// a second completion) must be right in some state between question and answer.
// What was neither acknowledged nor refused may own at most one of the changes
// that are left.
func check(r record) verdict {
	byAccount := map[uuid.UUID][]request{}
	for _, q := range r.Requests {
		byAccount[q.Account] = append(byAccount[q.Account], q)
	}
	var v verdict
	for _, l := range r.Ledgers {
		a := newAudit(l, byAccount[l.Account])
		a.checkStatuses()
		a.checkTables()
		if a.checkHistory() { // without an order nothing else means anything
			a.findOwners()
			a.checkWrites()
			a.checkAnswers()
		}
		v.add(a)
	}
	return v
}

func (v *verdict) add(a *audit) {
	v.found = append(v.found, a.found...)
	for _, d := range a.deeds {
		switch {
		case d.acknowledged() != nil || !d.isOpen():
		case d.at != nil:
			v.done++
		default:
			v.undone++
		}
	}
}

// audit is the check of one account.
type audit struct {
	ledger
	requests []request
	after    map[int]int64 // by request: what was known when it was asked
	deeds    []*deed
	batches  []*batch
	found    []violation
}

// deed is what was asked once, however often it was sent.
type deed struct {
	requests []request
	began    time.Duration // when it was first sent
	after    int64         // what was known then
	at       *batch        // what it did, if anything
	certain  bool          // its answer or its key says so; else it only fits
}

// batch is the changes of one request.
type batch struct {
	first   int64
	changes []todo.Change
	owner   *deed
}

func newAudit(l ledger, requests []request) *audit {
	a := &audit{ledger: l, requests: requests, after: knownBefore(requests)}
	for _, c := range l.Stored.Changes {
		if n := len(a.batches); n > 0 && a.batches[n-1].changes[0].Batch == c.Batch {
			a.batches[n-1].changes = append(a.batches[n-1].changes, c)
			continue
		}
		a.batches = append(a.batches, &batch{first: c.Seq, changes: []todo.Change{c}})
	}
	a.gather()
	return a
}

// knownBefore says for each request the latest seq that somebody had been told
// of when it began.
func knownBefore(requests []request) map[int]int64 {
	byEnd := slices.Clone(requests)
	slices.SortFunc(byEnd, func(a, b request) int { return cmp.Compare(a.Ended, b.Ended) })
	byBegin := slices.Clone(requests)
	slices.SortFunc(byBegin, func(a, b request) int { return cmp.Compare(a.Began, b.Began) })
	after := make(map[int]int64, len(requests))
	var known int64
	ended := 0
	for _, q := range byBegin {
		for ; byEnd[ended].Ended < q.Began; ended++ {
			known = max(known, byEnd[ended].told())
		}
		after[q.ID] = known
	}
	return after
}

// told is the latest seq that the answer knows of.
func (r request) told() int64 {
	seq := r.Answer.Seq
	for _, t := range r.Answer.Todos {
		seq = max(seq, t.Version)
	}
	for _, c := range r.Answer.Changes {
		seq = max(seq, c.Seq)
	}
	return seq
}

// gather puts the requests together that are one deed: same key, same payload.
func (a *audit) gather() {
	type name struct{ key, payload string }
	byName := map[name]*deed{}
	for _, q := range a.requests {
		if len(q.Ops) == 0 {
			continue
		}
		d := &deed{began: q.Began, after: math.MaxInt64}
		if q.Key != "" {
			n := name{q.Key, show(q.Ops) + fmt.Sprintf("%T", q.Ops[0])}
			if byName[n] != nil {
				d = byName[n]
			}
			byName[n] = d
		}
		if len(d.requests) == 0 {
			a.deeds = append(a.deeds, d)
		}
		d.requests = append(d.requests, q)
		d.began = min(d.began, q.Began)
		if q.Outcome != refused {
			d.after = min(d.after, a.after[q.ID])
		}
	}
}

func (a *audit) report(k kind, seq int64, requests []request, format string, args ...any) {
	a.found = append(a.found, violation{k, a.Account, seq, fmt.Sprintf(format, args...), requests})
}

// checkStatuses looks for what is nobody's fault but the server's.
func (a *audit) checkStatuses() {
	for _, q := range a.requests {
		if q.Status >= 500 && q.Status != 503 {
			a.report(failed, 0, []request{q}, "it was answered with %d", q.Status)
		}
	}
}

// checkHistory follows the changes, each from what the ones before it left. It
// reports whether they are in order at all.
func (a *audit) checkHistory() bool {
	present, numbers, next := map[uuid.UUID]todo.Todo{}, map[int]uuid.UUID{}, 1
	var batch int64
	for i, c := range a.Stored.Changes {
		if c.Seq != int64(i+1) {
			a.report(gap, c.Seq, nil, "change %d of the account has seq %d", i+1, c.Seq)
			return false
		}
		if c.Batch != batch && c.Batch != c.Seq {
			a.report(gap, c.Seq, nil, "it belongs to request %d, whose changes are elsewhere", c.Batch)
			return false
		}
		batch = c.Batch
		if was, want := c.Before, pointer(present, c.TodoID); show(was) != show(want) {
			a.report(rewritten, c.Seq, nil, "it says that before it there was\n%s\nbut there was\n%s", show(was), show(want))
		}
		if id, given := numbers[c.Number]; given && id != c.TodoID {
			a.report(renamed, c.Seq, nil, "number %d is given to another todo", c.Number)
		} else if c.Kind == todo.KindCreated && c.Number != next {
			a.report(renamed, c.Seq, nil, "a new todo has number %d, want %d", c.Number, next)
		}
		numbers[c.Number] = c.TodoID
		if c.Kind == todo.KindCreated {
			next = max(next, c.Number+1)
		}
		if c.After == nil {
			delete(present, c.TodoID)
			continue
		}
		if t := c.After; t.Version != c.Seq || t.ID != c.TodoID || t.Number != c.Number {
			a.report(drifted, c.Seq, nil, "it leaves %s", show(t))
		}
		present[c.TodoID] = *c.After
	}
	if n := int64(len(a.Stored.Changes)); a.Stored.Seq != n {
		a.report(gap, a.Stored.Seq, nil, "the account counts %d changes, there are %d", a.Stored.Seq, n)
	}
	if a.Stored.NextNumber != next {
		a.report(renamed, 0, nil, "the next todo would have number %d, want %d", a.Stored.NextNumber, next)
	}
	a.compare("replaying the changes", inOrder(present))
	return true
}

func pointer(present map[uuid.UUID]todo.Todo, id uuid.UUID) *todo.Todo {
	if t, ok := present[id]; ok {
		return &t
	}
	return nil
}

func inOrder(present map[uuid.UUID]todo.Todo) []todo.Todo {
	todos := make([]todo.Todo, 0, len(present))
	for _, t := range present {
		todos = append(todos, t)
	}
	slices.SortFunc(todos, func(a, b todo.Todo) int { return cmp.Compare(a.Number, b.Number) })
	return todos
}

// compare reports the first of the todos that is not as the table has it.
func (a *audit) compare(source string, todos []todo.Todo) {
	for i := range max(len(todos), len(a.Stored.Todos)) {
		got, want := at(todos, i), at(a.Stored.Todos, i)
		if got != want {
			a.report(drifted, 0, nil, "%s yields\n%s\nbut the table has\n%s", source, got, want)
			return
		}
	}
}

func at[T any](all []T, i int) string {
	if i < len(all) {
		return show(all[i])
	}
	return "nothing"
}

// checkTables compares what the API tells with what the tables hold.
func (a *audit) checkTables() {
	a.compare("the API", a.Todos)
	for i := range max(len(a.Changes), len(a.Stored.Changes)) {
		if got, want := at(a.Changes, i), at(a.Stored.Changes, i); got != want {
			a.report(drifted, int64(i+1), nil, "the API tells\n%s\nbut the table has\n%s", got, want)
			return
		}
	}
}

// findOwners says for each batch who asked for it: as the answers say, then as
// the table of keys says, then as fits.
func (a *audit) findOwners() {
	byFirst := make(map[int64]*batch, len(a.batches))
	for _, b := range a.batches {
		byFirst[b.first] = b
	}
	for _, d := range a.deeds {
		a.claim(d, byFirst)
	}
	for _, d := range a.deeds {
		kept, ok := a.Stored.Keys[d.requests[0].Key]
		if b := byFirst[kept.First]; ok && kept.Last >= kept.First && b != nil && b.owner == nil && d.at == nil && d.after < b.first {
			b.owner, d.at, d.certain = d, b, true
		}
	}
	a.match()
}

// claim gives the deed the batch that its answers name.
func (a *audit) claim(d *deed, byFirst map[int64]*batch) {
	var first *request
	for i := range d.requests {
		q := &d.requests[i]
		if q.Outcome == refused && first != nil && q.Began > first.Ended {
			a.report(untrue, 0, []request{*first, *q}, "a repeat was refused, although the first was acknowledged")
		}
		if q.Outcome != acknowledged {
			continue
		}
		if first == nil {
			first = q
		} else if show(q.Answer) != show(first.Answer) && q.claim() == first.claim() {
			a.report(untrue, q.claim(), []request{*first, *q}, "a repeat was answered otherwise than the first time")
		}
		seq := q.claim()
		b := byFirst[seq]
		switch {
		case seq == 0 || b != nil && b == d.at:
		case b == nil:
			a.report(lost, seq, []request{*q}, "it was acknowledged, but no request's changes begin with %d", seq)
		case b.owner != nil:
			a.report(lost, seq, []request{b.owner.requests[0], *q}, "both were answered with the same change")
		case d.at != nil:
			a.report(twice, seq, d.requests, "it took effect at %d and at %d", d.at.first, seq)
			b.owner = d
		default:
			b.owner, d.at, d.certain = d, b, true
			if b.first <= d.after {
				a.report(backwards, seq, []request{*q}, "change %d was known before it was asked", d.after)
			}
		}
	}
}

// claim is the first seq that the answer says the request took; zero when it
// does not say: a completion may have found the todo completed, unless it was
// answered with another version than its If-Match names.
func (r request) claim() int64 {
	if r.Outcome != acknowledged || len(r.Ops) == 0 {
		return 0
	}
	if r.Batch || isUndo(r.Ops) {
		if len(r.Answer.Changes) == 0 {
			return 0
		}
		return r.Answer.Changes[0].Batch
	}
	switch r.Ops[0].(type) {
	case todo.Complete, todo.Reopen:
		if match := int64(ifMatch(r.Ops)); match == 0 || match == r.told() {
			return 0
		}
	}
	return r.told()
}

func isUndo(ops []todo.Op) bool {
	_, ok := ops[0].(todo.Undo)
	return ok
}

// mayOwn reports whether the deed may have made the batch, as far as its
// outcome says.
func (d *deed) mayOwn(b *batch) bool {
	if d.at != nil || d.after >= b.first {
		return false
	}
	if q := d.acknowledged(); q != nil {
		return !q.Batch && !isUndo(q.Ops) && q.told() == b.first // a completion
	}
	return d.isOpen()
}

// isOpen reports whether some of its outcomes are unknown.
func (d *deed) isOpen() bool {
	return slices.ContainsFunc(d.requests, func(q request) bool { return q.Outcome == unknown })
}

// acknowledged is the first request of the deed that was.
func (d *deed) acknowledged() *request {
	i := slices.IndexFunc(d.requests, func(q request) bool { return q.Outcome == acknowledged })
	if i < 0 {
		return nil
	}
	return &d.requests[i]
}

// match gives the batches that are left to deeds that may have made them, one
// each, to as many as can be: a matching in a bipartite graph, by augmenting
// paths.
func (a *audit) match() {
	candidates := map[*batch][]*deed{}
	a.walk(func(w *world, b *batch) {
		if b == nil || b.owner != nil {
			return
		}
		for _, d := range a.deeds {
			if d.mayOwn(b) && w.fits(d, b) {
				candidates[b] = append(candidates[b], d)
			}
		}
		// Who was acknowledged comes first.
		slices.SortStableFunc(candidates[b], func(x, y *deed) int {
			return cmp.Compare(len(y.acknowledgements()), len(x.acknowledgements()))
		})
	})
	var place func(b *batch, tried map[*deed]bool) bool
	place = func(b *batch, tried map[*deed]bool) bool {
		for _, d := range candidates[b] {
			if tried[d] {
				continue
			}
			tried[d] = true
			if d.at == nil || place(d.at, tried) {
				b.owner, d.at = d, b
				return true
			}
		}
		return false
	}
	for _, b := range a.batches {
		if len(candidates[b]) > 0 {
			place(b, map[*deed]bool{})
		}
	}
}

func (d *deed) acknowledgements() []request {
	var all []request
	for _, q := range d.requests {
		if q.Outcome == acknowledged {
			all = append(all, q)
		}
	}
	return all
}

// walk shows the account before each batch, with the batch, and at the end.
func (a *audit) walk(visit func(*world, *batch)) {
	w := newWorld()
	for _, b := range a.batches {
		visit(w, b)
		w.apply(b)
	}
	visit(w, nil)
}

// checkWrites decides each write anew on what was there before it.
func (a *audit) checkWrites() {
	a.walk(func(w *world, b *batch) {
		switch {
		case b == nil:
		case b.owner == nil:
			a.explainUnasked(w, b)
		default:
			a.checkWrite(w, b)
		}
	})
}

func (a *audit) checkWrite(w *world, b *batch) {
	d := b.owner
	decision, err := w.decide(d.requests[0].Ops, b)
	switch {
	case fault.KindOf(err) == fault.Stale:
		a.report(staleWon, b.first, d.requests, "it took effect on another version than its If-Match names")
		return
	case err != nil:
		a.report(lost, b.first, d.requests, "it took effect where it could not: %v", err)
		return
	case show(decision.Changes) != show(b.changes):
		a.report(lost, b.first, d.requests, "it should have made\n%s\nbut there is\n%s", show(decision.Changes), show(b.changes))
		return
	}
	q := d.acknowledged()
	if q == nil {
		return
	}
	if got, want := show(q.Answer.Todos), show(decision.Todos); got != want {
		a.report(lost, b.first, []request{*q}, "it made\n%s\nwhich is not what it was answered with", want)
	}
	if got, want := show(q.Answer.Changes), show(b.changes); q.Answer.Changes != nil && got != want {
		a.report(lost, b.first, []request{*q}, "it made\n%s\nwhich is not what it was answered with", want)
	}
}

// explainUnasked says what may be wrong with a batch that has no owner.
func (a *audit) explainUnasked(w *world, b *batch) {
	for _, d := range a.deeds {
		if !w.fits(d, b) {
			continue
		}
		switch {
		case d.at != nil:
			a.report(twice, b.first, d.requests, "it took effect at %d and at %d", d.at.first, b.first)
		case d.after == math.MaxInt64:
			a.report(unasked, b.first, d.requests, "it was refused, and took effect")
		default:
			a.report(backwards, b.first, d.requests, "it seems to have taken effect before it was asked")
		}
		return
	}
	a.report(unasked, b.first, nil, "nobody asked for\n%s", show(b.changes))
}

// claimant is what an answer tells of a state that it did not change.
type claimant struct {
	requests     []request
	after, until int64 // the seqs between question and answer
	holds        func(*world) bool
}

// checkAnswers looks for a state, between question and answer, in which the
// answer is right.
func (a *audit) checkAnswers() {
	wrong := a.unexplained(a.claimants())
	for i := range wrong {
		wrong[i].until, wrong[i].after = wrong[i].after-1, 0
	}
	nowhere := a.unexplained(wrong)
	for _, c := range wrong {
		never := slices.ContainsFunc(nowhere, func(n claimant) bool { return n.requests[0].ID == c.requests[0].ID })
		if never {
			a.report(untrue, 0, c.requests, "it was answered with what was not so in the meantime")
		} else {
			a.report(backwards, 0, c.requests, "it was answered with what was so before change %d, which was known", c.until+1)
		}
	}
}

// unexplained returns those that hold in none of their states.
func (a *audit) unexplained(open []claimant) []claimant {
	var wrong []claimant
	waiting := slices.Clone(open)
	slices.SortStableFunc(waiting, func(x, y claimant) int { return cmp.Compare(x.after, y.after) })
	var current []claimant
	a.walk(func(w *world, b *batch) {
		for len(waiting) > 0 && waiting[0].after <= w.seq {
			current, waiting = append(current, waiting[0]), waiting[1:]
		}
		var rest []claimant
		for _, c := range current {
			switch {
			case c.until >= w.seq && c.holds(w):
			case b == nil || c.until <= w.seq:
				wrong = append(wrong, c)
			default:
				rest = append(rest, c)
			}
		}
		current = rest
	})
	return append(wrong, waiting...)
}

// claimants are the reads, the refusals, and the writes that changed nothing.
func (a *audit) claimants() []claimant {
	until := a.knownAfter()
	var all []claimant
	for _, q := range a.requests {
		if q.Outcome == unknown || q.Outcome == acknowledged && len(q.Ops) > 0 || q.Fault == fault.KeyReused && a.isUsed(q) {
			continue
		}
		all = append(all, claimant{[]request{q}, a.after[q.ID], until(q.Ended), q.holds})
	}
	for _, d := range a.deeds {
		q := d.acknowledged()
		if q == nil || d.at != nil || q.claim() != 0 {
			continue
		}
		all = append(all, claimant{d.requests, d.after, until(q.Ended), q.holds})
	}
	return all
}

// knownAfter returns what says until which seq an answer of that time may have
// been right: the first change of what was asked later had not been made.
func (a *audit) knownAfter() func(time.Duration) int64 {
	type start struct {
		began time.Duration
		first int64
	}
	var starts []start
	for _, d := range a.deeds {
		if d.certain {
			starts = append(starts, start{d.began, d.at.first})
		}
	}
	slices.SortFunc(starts, func(x, y start) int { return cmp.Compare(x.began, y.began) })
	for i := len(starts) - 2; i >= 0; i-- {
		starts[i].first = min(starts[i].first, starts[i+1].first)
	}
	return func(ended time.Duration) int64 {
		i := sort.Search(len(starts), func(i int) bool { return starts[i].began > ended })
		if i == len(starts) {
			return math.MaxInt64
		}
		return starts[i].first - 1
	}
}

// isUsed reports whether the request's key came with another payload.
func (a *audit) isUsed(q request) bool {
	return slices.ContainsFunc(a.deeds, func(d *deed) bool {
		other := d.requests[0]
		return other.Key == q.Key && show(other.Ops) != show(q.Ops)
	})
}

// holds reports whether the request may be answered so in this state.
func (r request) holds(w *world) bool {
	switch {
	case r.Read.Number != 0 && r.Outcome == refused:
		_, there := w.numbered(r.Read.Number)
		return !there && r.Fault == fault.NotFound
	case r.Read.Number != 0:
		t, there := w.numbered(r.Read.Number)
		return there && show([]todo.Todo{t}) == show(r.Answer.Todos)
	case r.Read.Newest != 0:
		return w.seq >= r.Answer.Seq && show(w.newest(r.Read.Newest)) == show(r.Answer.Todos)
	}
	decision, err := w.decide(r.Ops, nil)
	if r.Outcome == refused {
		return fault.KindOf(err) == r.Fault
	}
	return err == nil && len(decision.Changes) == 0 && show(decision.Todos) == show(r.Answer.Todos)
}
