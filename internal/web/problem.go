package web

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/go-json-experiment/json"

	"github.com/todochat/todochat/internal/fault"
)

// Problem is an error on the wire: problem details as of RFC 9457. It never
// holds internal detail, nor a value that was refused.
type Problem struct {
	Type   string         `json:"type" doc:"Which problem it is; stable" example:"urn:todochat:problem:not-found"`
	Title  string         `json:"title" doc:"The kind of problem, for people" example:"Not Found"`
	Status int            `json:"status" doc:"The HTTP status" example:"404"`
	Detail string         `json:"detail" doc:"What is wrong and what to do about it"`
	Errors []ProblemField `json:"errors,omitempty" doc:"The values that were refused"`

	headers http.Header
}

// ProblemField is one value that was refused.
type ProblemField struct {
	Location string `json:"location" doc:"Where the value stands in the request" example:"body.title"`
	Message  string `json:"message" doc:"What is wrong with it"`
}

const problemPrefix = "urn:todochat:problem:"

// ProblemType returns the type member of the problem of a kind.
func ProblemType(kind fault.Kind) string { return problemPrefix + string(kind) }

// statuses is the one place where kinds become HTTP statuses.
var statuses = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Malformed:       http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Stale:           http.StatusPreconditionFailed,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.KeyReused:       http.StatusUnprocessableEntity,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

// edgeKinds name the problems that only HTTP has, and give huma's statuses a type.
var edgeKinds = map[int]fault.Kind{
	http.StatusBadRequest:            fault.Malformed,
	http.StatusForbidden:             fault.Forbidden,
	http.StatusNotFound:              fault.NotFound,
	http.StatusMethodNotAllowed:      "method-not-allowed",
	http.StatusRequestTimeout:        "request-timeout",
	http.StatusRequestEntityTooLarge: fault.TooLarge,
	http.StatusUnsupportedMediaType:  "unsupported-media-type",
	http.StatusUnprocessableEntity:   fault.Invalid,
	http.StatusBadGateway:            "bad-gateway",
}

func newProblem(status int, detail string) *Problem {
	kind, ok := edgeKinds[status]
	if !ok {
		kind = fault.Internal
	}
	return &Problem{Type: ProblemType(kind), Title: http.StatusText(status), Status: status, Detail: detail, headers: http.Header{}}
}

// ProblemOf turns an error into what the client may know of it. The cause of
// a failure that is ours goes to the request's log line.
func ProblemOf(ctx context.Context, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		f = fault.New(fault.Internal, "something went wrong on our side: try again, and tell us the request id if it happens again")
	}
	status := statuses[f.Kind]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	if status >= http.StatusInternalServerError {
		noteError(ctx, err)
	}
	p = &Problem{Type: ProblemType(f.Kind), Title: http.StatusText(status), Status: status, Detail: f.Detail, headers: http.Header{}}
	for _, field := range f.Fields {
		p.Errors = append(p.Errors, ProblemField{field.Location, field.Message})
	}
	if f.RetryAfter > 0 {
		p.headers.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	if status == http.StatusUnauthorized {
		p.headers.Set("WWW-Authenticate", "Bearer")
	}
	return p
}

// Fail answers a request with the problem of err.
func Fail(w http.ResponseWriter, r *http.Request, err error) { ProblemOf(r.Context(), err).write(w) }

// FailStatus answers a request with a problem that only HTTP has.
func FailStatus(w http.ResponseWriter, status int, detail string) {
	newProblem(status, detail).write(w)
}

func (p *Problem) write(w http.ResponseWriter) {
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.MarshalWrite(w, p) // the client may be gone
}

// Error, GetStatus, GetHeaders and ContentType make a Problem huma's error.

func (p *Problem) Error() string               { return p.Detail }
func (p *Problem) GetStatus() int              { return p.Status }
func (p *Problem) GetHeaders() http.Header     { return p.headers }
func (p *Problem) ContentType(_ string) string { return "application/problem+json" }

// problemsForHuma makes huma's own errors Problems: without the values that it
// would echo, and with 400 where a member is unknown, which is no matter of values.
var problemsForHuma = sync.OnceFunc(func() {
	huma.NewError = func(status int, message string, causes ...error) huma.StatusError {
		var fields []ProblemField
		for _, cause := range causes {
			var f *fault.Error
			var d huma.ErrorDetailer
			switch {
			case errors.As(cause, &f):
				for _, field := range f.Fields {
					fields = append(fields, ProblemField{field.Location, field.Message})
				}
			case errors.As(cause, &d):
				detail := d.ErrorDetail()
				switch detail.Message {
				case validation.MsgUnexpectedProperty:
					status = http.StatusBadRequest
					detail.Message = "there is no such member: check its name"
				case unknownMember: // huma itself takes names for the same whatever their case
					status = http.StatusBadRequest
				case "unknown query parameter":
					detail.Message = "there is no such query parameter: check its name"
				}
				// Names in it are the client's own, and may be no text at all.
				fields = append(fields, ProblemField{strings.ToValidUTF8(detail.Location, "\ufffd"), detail.Message})
			}
		}
		switch {
		case status == http.StatusRequestEntityTooLarge:
			message = tooLarge
		case message == "cannot read request body":
			status = http.StatusBadRequest
		}
		if status == http.StatusUnsupportedMediaType {
			return newProblem(status, "send the body as application/json")
		}
		if len(fields) > 0 && message == "validation failed" {
			message = fields[0].Message
			if location := fields[0].Location; location != "" && location != "body" {
				message = location + ": " + message
			}
		}
		p := newProblem(status, message)
		p.Errors = fields
		return p
	}
})
