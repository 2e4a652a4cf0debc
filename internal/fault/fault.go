// Package fault names the kinds of error that callers branch on.
//
// The inner packages return faults; the edge (internal/web) turns each kind
// into one HTTP status. Detail and Field messages are sentences that we wrote
// for the person who asked: they never hold a rejected value or an internal
// error. What operators need is in the wrapped cause.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what a caller may branch on.
type Kind string

// The kinds, each with the HTTP status that internal/web gives it.
const (
	Internal        Kind = "internal"        // 500: ours to mend
	Malformed       Kind = "malformed"       // 400: not understood at all
	Unauthenticated Kind = "unauthenticated" // 401: we do not know who asks
	Forbidden       Kind = "forbidden"       // 403: known, and not allowed
	NotFound        Kind = "not-found"       // 404: not there, or not theirs
	Conflict        Kind = "conflict"        // 409: the state of things forbids it
	Stale           Kind = "stale"           // 412: If-Match names an older version
	TooLarge        Kind = "too-large"       // 413
	Invalid         Kind = "invalid"         // 422: understood, but a value is not allowed
	KeyReused       Kind = "idempotency-key" // 422: this key came with another payload before
	Unavailable     Kind = "unavailable"     // 503: try again later
)

// Field is one value that was refused.
type Field struct {
	Location string // where it stands in the request: body.title, query.limit
	Message  string // what is wrong and what to do; never the value
}

// Error is a fault.
type Error struct {
	Kind       Kind
	Detail     string
	Fields     []Field
	RetryAfter time.Duration // for Unavailable; zero says nothing
	cause      error
}

// New returns a fault with a sentence for the person who asked.
func New(kind Kind, detail string) *Error { return &Error{Kind: kind, Detail: detail} }

// Newf is New with a format.
func Newf(kind Kind, format string, args ...any) *Error {
	return New(kind, fmt.Sprintf(format, args...))
}

// InvalidField returns an Invalid fault about one value.
func InvalidField(location, message string) *Error {
	return &Error{Kind: Invalid, Detail: message, Fields: []Field{{location, message}}}
}

// Because returns the fault with the cause that operators will read.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// At returns the fault with every location moved below prefix.
func (e *Error) At(prefix string) *Error {
	c := *e
	c.Fields = make([]Field, len(e.Fields))
	for i, f := range e.Fields {
		c.Fields[i] = Field{prefix + f.Location, f.Message}
	}
	return &c
}

func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s (%s): %v", e.Detail, e.Kind, e.cause)
	}
	return fmt.Sprintf("%s (%s)", e.Detail, e.Kind)
}

func (e *Error) Unwrap() error { return e.cause }

// KindOf returns the kind of the outermost fault in err's chain: Internal when
// there is none, and the empty kind for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var f *Error
	if errors.As(err, &f) {
		return f.Kind
	}
	return Internal
}
