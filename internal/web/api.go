package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/todochat/todochat/internal/fault"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

const tooLarge = "a body has at most 1 MiB: send less at once"

// ReadBody reads the body of a request that is no operation of an API, within
// the same bound.
func ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var more *http.MaxBytesError
	switch {
	case errors.As(err, &more):
		return nil, fault.New(fault.TooLarge, tooLarge)
	case err != nil:
		return nil, fault.New(fault.Malformed, "the body breaks off: send it again").Because(err)
	}
	return body, nil
}

// NewAPI returns an API whose operations go to the mux and whose OpenAPI
// document is served at documentPath. It closes the gaps of huma as it comes:
// unknown query parameters are refused, errors are Problems that echo no
// value, nothing is added to answers, and no page loads from elsewhere.
func NewAPI(mux *http.ServeMux, title, documentPath string) huma.API {
	problemsForHuma()
	config := huma.DefaultConfig(title, "1.0.0")
	config.CreateHooks = nil
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.Formats = map[string]huma.Format{"application/json": strictJSON, "json": strictJSON}
	config.RejectUnknownQueryParameters = true
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
	}
	api := humago.New(mux, config)
	document := sync.OnceValues(func() ([]byte, error) { return api.OpenAPI().MarshalJSON() })
	mux.HandleFunc("GET "+documentPath, func(w http.ResponseWriter, r *http.Request) {
		body, err := document()
		if err != nil {
			Fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(body) // the client may be gone
	})
	return api
}

// Register adds an operation whose handler returns plain errors: they become
// Problems here, and nowhere else.
func Register[I, O any](api huma.API, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	prepare(api, &op)
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, statusErrorOf(ctx, err)
		}
		return out, nil
	})
}

// prepare bounds what the operation takes and documents its problems.
func prepare(api huma.API, op *huma.Operation) {
	op.MaxBodyBytes = maxBody + 1 // huma refuses a body that reaches its limit
	for _, status := range op.Errors {
		documentProblem(api, op, status)
	}
	op.Errors = nil
}

func documentProblem(api huma.API, op *huma.Operation, status int) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	op.Responses[strconv.Itoa(status)] = &huma.Response{
		Description: http.StatusText(status),
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
	}
}

// NotModified is the answer 304, with the entity tag of what the client holds.
type NotModified string

func (n NotModified) Error() string           { return http.StatusText(http.StatusNotModified) }
func (n NotModified) GetStatus() int          { return http.StatusNotModified }
func (n NotModified) GetHeaders() http.Header { return http.Header{"Etag": {string(n)}} }

func statusErrorOf(ctx context.Context, err error) error {
	var unchanged NotModified
	if errors.As(err, &unchanged) {
		return unchanged
	}
	return ProblemOf(ctx, err)
}
