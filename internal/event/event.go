// Package event is what the todo function tells the world of, and what it takes
// from it, as CloudEvents 1.0. schemas/ has the JSON schemas of their data.
package event

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
)

const (
	typePrefix = "dev.todochat.todo."
	typeSuffix = ".v1"

	// CreateRequested asks for a todo.
	CreateRequested = typePrefix + "create.requested" + typeSuffix

	jsonData = "application/json"
)

// TypeOf is the type of the event of a change.
func TypeOf(kind todo.Kind) string { return typePrefix + string(kind) + typeSuffix }

// change is the data of the event of a change.
type change struct {
	Account uuid.UUID `json:"account"`
	todo.Change
}

// Of returns the event of an account's change. Its id is the account's and the
// change's seq, so that whoever hears it twice can tell; partitionkey and
// sequence are those of the CloudEvents extensions of these names: sequence
// orders an account's events as text.
func Of(account uuid.UUID, c todo.Change, source string) (cloudevents.Event, error) {
	e := cloudevents.New()
	e.SetID(account.String() + "-" + strconv.FormatInt(c.Seq, 10))
	e.SetType(TypeOf(c.Kind))
	e.SetSource(source)
	e.SetSubject(c.TodoID.String())
	e.SetTime(c.At)
	e.SetExtension("partitionkey", account.String())
	e.SetExtension("sequence", fmt.Sprintf("%019d", c.Seq))
	data, err := json.Marshal(change{account, c})
	if err != nil {
		return e, fmt.Errorf("encode change %d: %w", c.Seq, err)
	}
	e.SetDataContentType(jsonData)
	e.DataEncoded = data
	if err := e.Validate(); err != nil {
		return e, fmt.Errorf("make the event of change %d: %w", c.Seq, err)
	}
	return e, nil
}

// Request is a CreateRequested.
type Request struct {
	Key     string         // the same for the same event, however often it comes
	Account uuid.UUID      // whose todo it shall be
	Todo    jsontext.Value // as POST /api/todos takes it
}

// ReadRequest reads a CreateRequested. What can never be read is
// fault.Malformed or fault.Invalid.
func ReadRequest(e *cloudevents.Event) (Request, error) {
	if err := e.Validate(); err != nil {
		return Request{}, fault.New(fault.Malformed, "this is no valid CloudEvent 1.0").Because(err)
	}
	if e.Type() != CreateRequested {
		return Request{}, fault.InvalidField("type", "events of this type are not taken: "+CreateRequested+" is")
	}
	var data struct {
		Account *uuid.UUID     `json:"account"`
		Todo    jsontext.Value `json:"todo"`
	}
	if err := json.Unmarshal(e.Data(), &data, json.RejectUnknownMembers(true)); err != nil {
		return Request{}, fault.New(fault.Malformed, `the data is JSON of the form {"account": "…", "todo": {"title": "…"}}`).Because(err)
	}
	switch {
	case data.Account == nil:
		return Request{}, fault.InvalidField("data.account", "name the account that the todo is for")
	case data.Todo.Kind() != '{':
		return Request{}, fault.InvalidField("data.todo", "say what is to be done, as POST /api/todos takes it")
	}
	return Request{keyOf(e), *data.Account, data.Todo}, nil
}

// keyOf is the Idempotency-Key of an event: source and id tell events apart.
func keyOf(e *cloudevents.Event) string {
	sum := sha256.Sum256([]byte(e.Source() + "\x00" + e.ID()))
	return "event:" + base64.RawURLEncoding.EncodeToString(sum[:])
}
