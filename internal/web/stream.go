package web

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"

	"github.com/todochat/todochat/internal/account"
)

// EventStream is the media type of server-sent events.
const EventStream = "text/event-stream"

const (
	// heartbeat is how long a stream may be silent: proxies and people take
	// longer silence for an end.
	heartbeat = 5 * time.Second

	// writeTime bounds each write to a client that does not read.
	writeTime = 10 * time.Second
)

// Event is one server-sent event.
type Event struct {
	ID   int64 // 0: none
	Name string
	Data any // becomes JSON
}

// Stream is an answer of server-sent events (HTML Living Standard, section
// 9.2). It begins with the first thing that is sent: until then the answer can
// still be a Problem. Its methods may be called concurrently.
type Stream struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

// NewStream returns the stream that answers on w.
func NewStream(w http.ResponseWriter) *Stream {
	return &Stream{w: w, control: http.NewResponseController(w)}
}

// Send sends an event at once. An error means that the client is gone.
func (s *Stream) Send(e Event) error {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return err
	}
	b := make([]byte, 0, len(data)+64)
	if e.ID != 0 {
		b = strconv.AppendInt(append(b, "id: "...), e.ID, 10)
		b = append(b, '\n')
	}
	b = append(append(append(b, "event: "...), e.Name...), "\ndata: "...)
	return s.write(append(append(b, data...), "\n\n"...)) // JSON has no line breaks
}

// Retry tells the client how soon to connect again once the stream ends.
func (s *Stream) Retry(after time.Duration) error {
	return s.write(strconv.AppendInt([]byte("retry: "), after.Milliseconds(), 10), []byte("\n\n"))
}

// Beat sends a comment, which says nothing but that the stream lives.
func (s *Stream) Beat() error { return s.write([]byte(":\n\n")) }

// Begun reports whether anything was sent.
func (s *Stream) Begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

func (s *Stream) write(parts ...[]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", EventStream)
		s.w.Header().Set("Cache-Control", "no-store")
		s.w.WriteHeader(http.StatusOK)
	}
	// Where there are no deadlines, as in some tests, there is none to keep.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTime))
	defer func() { _ = s.control.SetWriteDeadline(time.Time{}) }()
	for _, part := range parts {
		if _, err := s.w.Write(part); err != nil {
			return err
		}
	}
	return s.control.Flush()
}

// KeepAlive sends heartbeats until stop is called.
func (s *Stream) KeepAlive() (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticks := time.NewTicker(heartbeat)
		defer ticks.Stop()
		for {
			select {
			case <-ticks.C:
				if s.Beat() != nil {
					return
				}
			case <-ended:
				return
			}
		}
	}()
	return func() { close(ended); <-done }
}

// Accepts reports whether the request asks for events.
func Accepts(r *http.Request) bool {
	for accepted := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		media, _, _ := strings.Cut(accepted, ";")
		if strings.EqualFold(strings.TrimSpace(media), EventStream) {
			return true
		}
	}
	return false
}

// EventType documents an event that a stream may hold.
type EventType struct {
	Name string
	Data any // a value of the type of its data
}

// How streams end: Done and Error those of PrivateStream, ProblemEvent those of
// PrivateEvents, which browsers follow by EventSource, whose own event is error.
const (
	Done         = "done"
	Error        = "error"
	ProblemEvent = "problem"
)

// PrivateStream adds an operation that needs an access token and takes its
// time. Clients that accept text/event-stream hear what happens meanwhile: the
// events that handle tells, and at last done with the answer, or error with a
// Problem. Others get the answer alone. What fails before the first event is
// an ordinary Problem for both.
func PrivateStream[I, O any](
	api huma.API, verifier *account.Verifier, op huma.Operation, events []EventType,
	handle func(ctx context.Context, who Caller, in *I, tell func(name string, data any)) (O, error),
) {
	var answer O
	documentStream(api, &op, reflect.TypeOf(answer), append(events, EventType{Done, answer}, EventType{Error, Problem{}}))
	onlyFor(verifier, &op)
	prepare(api, &op)
	huma.Register(api, op, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		who := ctx.Value(callerKey{}).(Caller)
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			if !Accepts(r) {
				out, err := handle(ctx, who, in, func(string, any) {})
				if err != nil {
					Fail(w, r, err)
					return
				}
				WriteJSON(w, out)
				return
			}
			s := NewStream(w)
			out, err := func() (O, error) {
				defer s.KeepAlive()() // also when handle panics
				return handle(ctx, who, in, func(name string, data any) {
					_ = s.Send(Event{Name: name, Data: data}) // a client that is gone ends ctx
				})
			}()
			switch {
			case err == nil:
				_ = s.Send(Event{Name: Done, Data: out})
			case s.Begun():
				_ = s.Send(Event{Name: Error, Data: ProblemOf(ctx, err)})
			default:
				Fail(w, r, err)
			}
		}}, nil
	})
}

// PrivateEvents adds an operation that needs an access token and answers with
// server-sent events until handle returns; an error ends the stream with the
// event problem, or is an ordinary Problem if nothing was sent.
func PrivateEvents[I any](
	api huma.API, verifier *account.Verifier, op huma.Operation, events []EventType,
	handle func(ctx context.Context, who Caller, in *I, out *Stream) error,
) {
	documentStream(api, &op, nil, events)
	onlyFor(verifier, &op)
	prepare(api, &op)
	huma.Register(api, op, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		who := ctx.Value(callerKey{}).(Caller)
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			s := NewStream(w)
			switch err := handle(ctx, who, in, s); {
			case err == nil:
			case s.Begun():
				_ = s.Send(Event{Name: ProblemEvent, Data: ProblemOf(ctx, err)})
			default:
				Fail(w, r, err)
			}
		}}, nil
	})
}

// documentStream writes both forms of the answer into the contract. Events are
// described as OpenAPI has no words for them: the body is an array of objects
// with the fields of each event.
func documentStream(api huma.API, op *huma.Operation, answer reflect.Type, events []EventType) {
	schemas := api.OpenAPI().Components.Schemas
	content := map[string]*huma.MediaType{EventStream: {Schema: eventsSchema(schemas, events)}}
	if answer != nil {
		content["application/json"] = &huma.MediaType{Schema: schemas.Schema(answer, true, "")}
	}
	op.Responses = map[string]*huma.Response{strconv.Itoa(http.StatusOK): {Description: http.StatusText(http.StatusOK), Content: content}}
}

func eventsSchema(schemas huma.Registry, events []EventType) *huma.Schema {
	var options []*huma.Schema
	for _, e := range events {
		options = append(options, &huma.Schema{
			Title: "Event " + e.Name,
			Type:  huma.TypeObject,
			Properties: map[string]*huma.Schema{
				"id":    {Type: huma.TypeInteger},
				"event": {Type: huma.TypeString, Enum: []any{e.Name}},
				"data":  schemas.Schema(reflect.TypeOf(e.Data), true, ""),
			},
			Required:             []string{"event", "data"},
			AdditionalProperties: false,
		})
	}
	return &huma.Schema{
		Description: "Server-sent events, each as an object of its fields",
		Type:        huma.TypeArray,
		Items:       &huma.Schema{OneOf: options},
	}
}
