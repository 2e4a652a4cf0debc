package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
)

// record is a whole run: what clients asked and were told, and what the
// database held when all of them were done.
type record struct {
	Requests []request
	Ledgers  []ledger

	// How often a replica was killed, and all connections of one to the database
	// were cut at once.
	Kills, Slams int
}

// outcome is what a client knows of its request.
type outcome string

const (
	acknowledged outcome = "acknowledged" // it was answered with what it did
	refused      outcome = "refused"      // it was answered that it did nothing, and why
	unknown      outcome = "unknown"      // it may have been done, or may be done yet
)

// request is one HTTP request, as its client saw it. Each update sets a
// description of its own, so that none that is carried out changes nothing.
type request struct {
	ID      int
	Client  int
	Account uuid.UUID
	Key     string    // its Idempotency-Key, if any
	Ops     []todo.Op // none for a read
	Batch   bool      // sent as a batch, whose answer has the changes
	Read    read

	Began, Ended time.Duration // since the run began
	Outcome      outcome
	Status       int        // zero when no answer came
	Fault        fault.Kind // why it was refused
	Answer       answer
}

// read is what a request without operations asks for: one todo, or the newest.
type read struct {
	Number int
	Newest int // so many
}

// answer is what an acknowledged request was answered with.
type answer struct {
	Todos   []todo.Todo   `json:"todos"`
	Changes []todo.Change `json:"changes"`
	Seq     int64         `json:"seq"` // of a list
}

// ledger is what is there of an account at the end: by way of the API, and as
// the tables have it.
type ledger struct {
	Account uuid.UUID
	Changes []todo.Change // in order
	Todos   []todo.Todo   // in the order of their numbers
	Stored  stored
}

// stored is what SQL finds.
type stored struct {
	Seq        int64
	NextNumber int
	Changes    []todo.Change
	Todos      []todo.Todo
	Keys       map[string]span // what is kept of each Idempotency-Key
}

// span is the changes from First to Last; none when Last is before First.
type span struct{ First, Last int64 }

func (r request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "request %d of client %d, %s to %s", r.ID, r.Client, milliseconds(r.Began), milliseconds(r.Ended))
	if r.Key != "" {
		b.WriteString(", key " + r.Key)
	}
	fmt.Fprintf(&b, ": %s: %s", r.asked(), r.Outcome)
	switch {
	case r.Outcome == acknowledged:
		fmt.Fprintf(&b, " %s", show(r.Answer))
	case r.Status != 0:
		fmt.Fprintf(&b, " with %d %s", r.Status, r.Fault)
	}
	return b.String()
}

func (r request) asked() string {
	switch {
	case r.Read.Number != 0:
		return fmt.Sprintf("read #%d", r.Read.Number)
	case r.Read.Newest != 0:
		return fmt.Sprintf("list the newest %d", r.Read.Newest)
	}
	parts := make([]string, len(r.Ops))
	for i, op := range r.Ops {
		parts[i] = strings.TrimPrefix(fmt.Sprintf("%T ", op), "todo.") + show(op)
	}
	return strings.Join(parts, ", ")
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// show is a value as JSON: equal values look the same.
func show(v any) string {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return fmt.Sprintf("%+v", v)
	}
	return string(b)
}

// recorder takes what clients tell, from all of them at once.
type recorder struct {
	began time.Time
	every int           // requests from one milestone to the next
	miles chan struct{} // has the milestones that were passed

	mu       sync.Mutex
	given    int // numbers of requests
	requests []request
}

func newRecorder(every int) *recorder {
	return &recorder{began: time.Now(), every: every, miles: make(chan struct{}, 1)}
}

// begin gives the request its number and its time.
func (r *recorder) begin(asked request) request {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.given++
	if r.given%r.every == 0 {
		select {
		case r.miles <- struct{}{}:
		default: // one is waiting to be noticed
		}
	}
	asked.ID, asked.Began = r.given, time.Since(r.began)
	return asked
}

// end notes the request with its outcome, and returns it.
func (r *recorder) end(done request) request {
	r.mu.Lock()
	defer r.mu.Unlock()
	done.Ended = time.Since(r.began)
	r.requests = append(r.requests, done)
	return done
}

// count is how many requests have begun.
func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.given
}

func (r *recorder) all() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.requests...)
}
