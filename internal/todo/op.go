package todo

import (
	"crypto/sha256"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// Op is one operation on an account's todos. A request is a list of them, and
// all happen or none does.
type Op interface{ op() }

// IfMatch is the version that the operation was decided on; zero matches any.
type IfMatch int64

// The operations.
type (
	// Create makes a todo. The id is chosen before, so that deciding stays a
	// pure function; it is no part of what was asked.
	Create struct {
		ID      uuid.UUID `json:"-"`
		Content Content   `json:"content"`
	}

	// Update sets some members of a todo.
	Update struct {
		Ref     Ref     `json:"ref"`
		Patch   Patch   `json:"patch"`
		IfMatch IfMatch `json:"if_match,omitzero"`
	}

	// Replace sets all members of a todo.
	Replace struct {
		Ref     Ref     `json:"ref"`
		Content Content `json:"content"`
		IfMatch IfMatch `json:"if_match,omitzero"`
	}

	// Complete marks a todo done. Completing twice is no error and no change.
	Complete struct {
		Ref     Ref     `json:"ref"`
		IfMatch IfMatch `json:"if_match,omitzero"`
	}

	// Reopen marks a todo not done. Reopening twice is no error and no change.
	Reopen struct {
		Ref     Ref     `json:"ref"`
		IfMatch IfMatch `json:"if_match,omitzero"`
	}

	// Toggle completes what is pending and reopens what is completed.
	Toggle struct {
		Ref     Ref     `json:"ref"`
		IfMatch IfMatch `json:"if_match,omitzero"`
	}

	// Delete removes a todo.
	Delete struct {
		Ref     Ref     `json:"ref"`
		IfMatch IfMatch `json:"if_match,omitzero"`
	}

	// Undo takes back the whole request that the change Seq belongs to. It is
	// the only operation of its request.
	Undo struct {
		Seq int64 `json:"seq"`
	}
)

func (Create) op()   {}
func (Update) op()   {}
func (Replace) op()  {}
func (Complete) op() {}
func (Reopen) op()   {}
func (Toggle) op()   {}
func (Delete) op()   {}
func (Undo) op()     {}

// RefOf returns the todo that an operation names, if it names one.
func RefOf(op Op) (Ref, bool) {
	switch op := op.(type) {
	case Update:
		return op.Ref, true
	case Replace:
		return op.Ref, true
	case Complete:
		return op.Ref, true
	case Reopen:
		return op.Ref, true
	case Toggle:
		return op.Ref, true
	case Delete:
		return op.Ref, true
	}
	return Ref{}, false
}

// Fingerprint identifies what a request asks for: equal operations have equal
// fingerprints, so that a repeated Idempotency-Key can be told from a reused one.
func Fingerprint(ops []Op) ([]byte, error) {
	digest := sha256.New()
	for _, op := range ops {
		fmt.Fprintf(digest, "%T ", op)
		if err := json.MarshalWrite(digest, op); err != nil {
			return nil, fmt.Errorf("encode operation: %w", err)
		}
	}
	return digest.Sum(nil), nil
}
