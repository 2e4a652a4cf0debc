package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
)

// person has an account, on which several clients work.
type person struct {
	account uuid.UUID
	token   string

	mu       sync.Mutex
	versions map[int][]int64 // of each todo, as far as answers told, oldest first
	newest   int
	seq      int64
}

// learn takes what an answer tells.
func (p *person) learn(a answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range a.Todos {
		p.versions[t.Number] = append(p.versions[t.Number], t.Version)
		p.newest, p.seq = max(p.newest, t.Number), max(p.seq, t.Version)
	}
}

// pick names a todo, most often one that others are at, too, with a version
// that it had, most often the last that is known. The version is zero when none
// is known.
func (p *person) pick(random *rand.Rand) (number int, version todo.IfMatch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	number = max(1, p.newest-random.IntN(12))
	if random.IntN(10) == 0 {
		number = 1 + random.IntN(p.newest+1)
	}
	if known := p.versions[number]; len(known) > 0 {
		last := len(known) - 1
		if random.IntN(4) == 0 {
			last = random.IntN(len(known))
		}
		version = todo.IfMatch(known[last])
	}
	return number, version
}

// recent is the seq of a change that is not long ago.
func (p *person) recent(random *rand.Rand) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(1, p.seq-random.Int64N(8))
}

// client works on a person's todos, by way of any of the replicas. It tells the
// recorder what it asks and what it is told.
type client struct {
	number   int
	person   *person
	doors    []string // the replicas' addresses
	http     *http.Client
	recorder *recorder
	random   *rand.Rand

	given int       // descriptions and keys
	done  []request // that had a key and were acknowledged
}

// newHTTPClient makes a connection for each request: on one that was used
// before, net/http repeats by itself what has an Idempotency-Key, and nobody
// would know.
func newHTTPClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &http.Client{Transport: transport}
}

// step asks for something, once or, if it can be, until it is answered.
func (c *client) step() {
	switch dice := c.random.IntN(100); {
	case dice < 8:
		number, _ := c.person.pick(c.random)
		c.ask(request{Read: read{Number: number}})
	case dice < 12:
		c.ask(request{Read: read{Newest: 20}})
	case dice < 16 && len(c.done) > 0:
		c.repeat(c.done[c.random.IntN(len(c.done))])
	case dice < 18 && len(c.done) > 0:
		c.reuse(c.done[c.random.IntN(len(c.done))])
	default:
		c.write()
	}
}

// write asks for a write. With a key it is repeated when the outcome is not
// known, unless the client loses patience.
func (c *client) write() {
	r := request{Ops: c.operations()}
	r.Batch = len(r.Ops) > 1
	if c.random.IntN(3) > 0 {
		r.Key = c.unique()
	}
	told := c.askOnceOrTwice(r)
	for r.Key != "" && told.Outcome == unknown && c.random.IntN(5) > 0 {
		told = c.ask(r)
	}
	if r.Key != "" && told.Outcome == acknowledged {
		c.done = append(c.done, r)
	}
}

// askOnceOrTwice asks; with a key, now and then, twice at the same time.
func (c *client) askOnceOrTwice(r request) request {
	if r.Key == "" || c.random.IntN(10) > 0 {
		return c.ask(r)
	}
	var told [2]request
	var both sync.WaitGroup
	for i := range told {
		door := c.door()
		both.Go(func() { told[i] = c.askAt(door, r) })
	}
	both.Wait()
	if told[0].Outcome == acknowledged {
		return told[0]
	}
	return told[1]
}

// repeat asks once more for what was acknowledged.
func (c *client) repeat(r request) { c.ask(r) }

// reuse asks for something else with a key that was used.
func (c *client) reuse(r request) {
	c.ask(request{Key: r.Key, Ops: []todo.Op{c.create()}})
}

// unique is text that nobody else writes.
func (c *client) unique() string {
	c.given++
	return fmt.Sprintf("%d-%d", c.number, c.given)
}

func (c *client) operations() []todo.Op {
	switch dice := c.random.IntN(100); {
	case dice < 25:
		return []todo.Op{c.create()}
	case dice < 80:
		return []todo.Op{c.change()}
	case dice < 90:
		return []todo.Op{todo.Undo{Seq: c.person.recent(c.random)}}
	}
	ops := []todo.Op{c.create()}
	for range 1 + c.random.IntN(3) {
		ops = append(ops, c.change())
	}
	return ops
}

func (c *client) create() todo.Create {
	content := todo.NewContent("todo " + c.unique())
	content.Priority = []todo.Priority{todo.Low, todo.Medium, todo.High}[c.random.IntN(3)]
	return todo.Create{Content: content}
}

func (c *client) change() todo.Op {
	number, match := c.person.pick(c.random)
	ref := todo.Ref{Number: number}
	if c.random.IntN(3) == 0 {
		match = 0
	}
	switch dice := c.random.IntN(100); {
	case dice < 50:
		description := c.unique()
		return todo.Update{Ref: ref, Patch: todo.Patch{Description: &description}, IfMatch: match}
	case dice < 70:
		return todo.Complete{Ref: ref, IfMatch: match}
	case dice < 85:
		return todo.Reopen{Ref: ref, IfMatch: match}
	default:
		return todo.Delete{Ref: ref, IfMatch: match}
	}
}

// ask sends the request to one of the replicas, and records what came of it.
func (c *client) ask(r request) request { return c.askAt(c.door(), r) }

func (c *client) door() string { return c.doors[c.random.IntN(len(c.doors))] }

func (c *client) askAt(door string, r request) request {
	r.Client, r.Account = c.number, c.person.account
	r = c.recorder.begin(r)
	status, body, err := c.send(door, r)
	r.Status = status
	switch {
	case err != nil:
		r.Outcome, r.Status = unknown, 0
	case status/100 == 2:
		r.Outcome = acknowledged
		r.Answer, err = r.answered(body)
	case status/100 == 4:
		r.Outcome = refused
		r.Fault, err = problem(body)
	default:
		r.Outcome = unknown
	}
	if err != nil { // it is not whole
		r.Outcome, r.Answer = unknown, answer{}
	}
	c.person.learn(r.Answer)
	return c.recorder.end(r)
}

// answerTime bounds the wait for an answer. It is longer than the function
// itself waits for anything.
const answerTime = 30 * time.Second

func (c *client) send(door string, r request) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	q, err := r.onTheWire(ctx, "http://"+door)
	if err != nil {
		return 0, nil, err
	}
	q.Header.Set("Authorization", "Bearer "+c.person.token)
	response, err := c.http.Do(q)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// onTheWire is the request as HTTP has it.
func (r request) onTheWire(ctx context.Context, address string) (*http.Request, error) {
	method, path, body := r.route()
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	q, err := http.NewRequestWithContext(ctx, method, address+path, bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if r.Key != "" {
		q.Header.Set("Idempotency-Key", r.Key)
	}
	if match := ifMatch(r.Ops); match != 0 && !r.Batch {
		q.Header.Set("If-Match", strconv.Quote(strconv.FormatInt(int64(match), 10)))
	}
	return q, nil
}

func (r request) route() (method, path string, body any) {
	const todos = "/api/todos"
	switch {
	case r.Read.Number != 0:
		return http.MethodGet, todos + "/" + strconv.Itoa(r.Read.Number), nil
	case r.Read.Newest != 0:
		return http.MethodGet, todos + "?limit=" + strconv.Itoa(r.Read.Newest), nil
	case r.Batch:
		return http.MethodPost, todos + "/batch", inBatch(r.Ops)
	}
	switch op := r.Ops[0].(type) {
	case todo.Create:
		return http.MethodPost, todos, op.Content
	case todo.Update:
		return http.MethodPatch, named(op.Ref), op.Patch
	case todo.Complete:
		return http.MethodPost, named(op.Ref) + "/complete", nil
	case todo.Reopen:
		return http.MethodPost, named(op.Ref) + "/reopen", nil
	case todo.Delete:
		return http.MethodDelete, named(op.Ref), nil
	case todo.Undo:
		return http.MethodPost, fmt.Sprintf("/api/changes/%d/undo", op.Seq), nil
	}
	return "", "", nil
}

func named(ref todo.Ref) string { return "/api/todos/" + strconv.Itoa(ref.Number) }

func ifMatch(ops []todo.Op) todo.IfMatch {
	if len(ops) != 1 {
		return 0
	}
	switch op := ops[0].(type) {
	case todo.Update:
		return op.IfMatch
	case todo.Complete:
		return op.IfMatch
	case todo.Reopen:
		return op.IfMatch
	case todo.Delete:
		return op.IfMatch
	}
	return 0
}

// inBatch is the operations as a batch has them.
func inBatch(ops []todo.Op) any {
	type operation struct {
		Op      string        `json:"op"`
		Ref     string        `json:"ref,omitzero"`
		Todo    *todo.Content `json:"todo,omitzero"`
		Patch   *todo.Patch   `json:"patch,omitzero"`
		IfMatch todo.IfMatch  `json:"if_match,omitzero"`
	}
	var body struct {
		Operations []operation `json:"operations"`
	}
	for _, op := range ops {
		o := operation{IfMatch: ifMatch([]todo.Op{op})}
		switch op := op.(type) {
		case todo.Create:
			o.Op, o.Todo = "create", &op.Content
		case todo.Update:
			o.Op, o.Patch = "update", &op.Patch
		case todo.Complete:
			o.Op = "complete"
		case todo.Reopen:
			o.Op = "reopen"
		case todo.Delete:
			o.Op = "delete"
		}
		if ref, ok := todo.RefOf(op); ok {
			o.Ref = strconv.Itoa(ref.Number)
		}
		body.Operations = append(body.Operations, o)
	}
	return body
}

// answered reads the answer: one todo, or an object with todos.
func (r request) answered(body []byte) (answer, error) {
	var a answer
	if r.Batch || r.Read.Newest != 0 || len(r.Ops) > 0 && isUndo(r.Ops) {
		return a, json.Unmarshal(body, &a)
	}
	var t todo.Todo
	if err := json.Unmarshal(body, &t); err != nil {
		return a, err
	}
	a.Todos = []todo.Todo{t}
	return a, nil
}

func problem(body []byte) (fault.Kind, error) {
	var p struct {
		Type string `json:"type"`
	}
	err := json.Unmarshal(body, &p)
	return fault.Kind(p.Type[strings.LastIndexByte(p.Type, ':')+1:]), err
}
