package event

import (
	"context"
	"net/http"

	"github.com/cloudevents/sdk-go/v2/binding"
	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/todochat/todochat/internal/fault"
)

// The two ways in which HTTP carries an event (CloudEvents HTTP binding,
// section 3): its attributes as headers, or all of it as the body.
func mode(structured bool) context.Context {
	if structured {
		return binding.WithForceStructured(context.Background())
	}
	return binding.WithForceBinary(context.Background())
}

// WriteRequest makes the event the content of a request.
func WriteRequest(r *http.Request, e cloudevents.Event, structured bool) error {
	return cehttp.WriteRequest(mode(structured), binding.ToMessage(&e), r)
}

// Answer answers a request with an event.
func Answer(w http.ResponseWriter, e cloudevents.Event, structured bool) error {
	return cehttp.WriteResponseWriter(mode(structured), binding.ToMessage(&e), http.StatusOK, w)
}

// Read reads the event that a request carries, and says whether all of it was
// in the body. What is none is fault.Malformed.
func Read(r *http.Request) (e *cloudevents.Event, structured bool, err error) {
	message := cehttp.NewMessageFromHttpRequest(r)
	switch message.ReadEncoding() {
	case binding.EncodingBinary, binding.EncodingStructured:
	default:
		return nil, false, fault.New(fault.Malformed, "send one CloudEvent 1.0, in binary or structured mode")
	}
	e, err = binding.ToEvent(r.Context(), message)
	if err != nil {
		return nil, false, fault.New(fault.Malformed, "this is no valid CloudEvent 1.0").Because(err)
	}
	return e, message.ReadEncoding() == binding.EncodingStructured, nil
}
