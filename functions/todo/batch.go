package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/todo"
)

// operationBody is one operation of a batch.
type operationBody struct {
	Op      string       `json:"op" enum:"create,update,complete,reopen,delete"`
	Ref     *string      `json:"ref,omitempty" doc:"The todo's id or number: for all but create"`
	Todo    *contentBody `json:"todo,omitempty" doc:"For create"`
	Patch   *patchBody   `json:"patch,omitempty" doc:"For update"`
	IfMatch *int64       `json:"if_match,omitempty" minimum:"1" doc:"The version that it was decided on: for all but create"`
}

type batchInput struct {
	IfMatch        string `header:"If-Match" doc:"Refused: operations carry their own if_match"`
	IdempotencyKey string `header:"Idempotency-Key" doc:"1 to 255 visible ASCII characters: a repeat answers as the first time"`
	Body           struct {
		Operations []operationBody `json:"operations" nullable:"false" minItems:"1" maxItems:"1000" doc:"All happen, or none does"`
	}
}

type resultOutput struct {
	Body struct {
		Todos   []todo.Todo   `json:"todos" nullable:"false" doc:"For each operation its todo, as it is once all is done"`
		Changes []todo.Change `json:"changes" nullable:"false"`
	}
}

func resultOutputFrom(r postgres.Result) *resultOutput {
	out := &resultOutput{}
	out.Body.Todos, out.Body.Changes = r.Todos, r.Changes
	return out
}

func (f *function) batch(ctx context.Context, who account.Principal, in *batchInput) (*resultOutput, error) {
	if in.IfMatch != "" {
		return nil, fault.InvalidField("header.If-Match", "a batch has many todos: give each operation its if_match")
	}
	if err := checkKey(in.IdempotencyKey); err != nil {
		return nil, err
	}
	ops := make([]todo.Op, len(in.Body.Operations))
	for i, body := range in.Body.Operations {
		op, err := body.operation()
		if err != nil {
			return nil, below(fmt.Sprintf("body.operations[%d].", i), err)
		}
		ops[i] = op
	}
	result, err := f.store.Apply(ctx, who, in.IdempotencyKey, ops)
	if err != nil {
		return nil, locateInBatch(err, in.Body.Operations)
	}
	return resultOutputFrom(result), nil
}

// operation checks that the body has the members that its op takes, and no other.
func (b operationBody) operation() (todo.Op, error) {
	for _, m := range []struct {
		name           string
		given, allowed bool
		needed         bool
	}{
		{"todo", b.Todo != nil, b.Op == "create", b.Op == "create"},
		{"patch", b.Patch != nil, b.Op == "update", b.Op == "update"},
		{"ref", b.Ref != nil, b.Op != "create", b.Op != "create"},
		{"if_match", b.IfMatch != nil, b.Op != "create", false},
	} {
		switch {
		case m.given && !m.allowed:
			return nil, fault.InvalidField(m.name, "this op takes no such member")
		case !m.given && m.needed:
			return nil, fault.InvalidField(m.name, "this op needs this member")
		}
	}
	if b.Op == "create" {
		content, err := b.Todo.content()
		if err != nil {
			return nil, below("todo.", err)
		}
		id, err := uuid.NewV7()
		return todo.Create{ID: id, Content: content}, err
	}
	ref, err := parseRef(*b.Ref, "ref")
	if err != nil {
		return nil, err
	}
	var match todo.IfMatch
	if b.IfMatch != nil {
		match = todo.IfMatch(*b.IfMatch)
	}
	switch b.Op {
	case "update":
		patch, err := b.Patch.patch()
		if err != nil {
			return nil, below("patch.", err)
		}
		return todo.Update{Ref: ref, Patch: patch, IfMatch: match}, nil
	case "complete":
		return todo.Complete{Ref: ref, IfMatch: match}, nil
	case "reopen":
		return todo.Reopen{Ref: ref, IfMatch: match}, nil
	default:
		return todo.Delete{Ref: ref, IfMatch: match}, nil
	}
}

// locateInBatch says which operation could not be done, and which of its members.
func locateInBatch(err error, ops []operationBody) error {
	members := map[string]string{"create": ".todo", "update": ".patch"}
	located := locate(err, func(i int) string { return fmt.Sprintf("body.operations[%d]%s", i, members[ops[i].Op]) })
	var refused *todo.OpError
	why, ok := located.(*fault.Error)
	if ok && len(why.Fields) == 0 && errors.As(err, &refused) {
		place := fmt.Sprintf("body.operations[%d]", refused.Index)
		why.Fields = []fault.Field{{Location: place, Message: why.Detail}}
	}
	return located
}
