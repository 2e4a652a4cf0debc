package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/web"
)

// mcp serves the Model Context Protocol, as streamable HTTP without sessions,
// to assistants that people bring along. A tool is an operation of the API
// under another name: a call becomes the request that it stands for and the
// answer its result, so that each rule has one place. What a call may hold is
// read from the API's own contract.
func (f *function) mcp(api huma.API) http.Handler {
	// Built when it is first needed: most starts are for others, and must be quick.
	transport := sync.OnceValue(func() http.Handler {
		server := newToolServer(api)
		return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
			Stateless:    true, // any replica may answer
			JSONResponse: true, // there is nothing to tell before the result
			// Behind a proxy the host is any. No page can make a browser send a bearer
			// token, so that there is no rebinding to fear.
			DisableLocalhostProtection: true,
		})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := web.CallerOf(r, f.verifier); err != nil {
			web.Fail(w, r, err)
			return
		}
		if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != "application/json" {
			web.FailStatus(w, http.StatusUnsupportedMediaType, "send the body as application/json")
			return
		}
		body, err := readMessage(w, r)
		if err != nil {
			web.Fail(w, r, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		// The transport insists on both, whatever it is going to answer.
		r.Header.Set("Accept", "application/json, text/event-stream")
		transport().ServeHTTP(w, r)
	})
}

// readMessage reads a single message. The protocol no longer has batches, and
// an Idempotency-Key could not stand for all of one.
func readMessage(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := web.ReadBody(w, r)
	if err != nil {
		return nil, err
	}
	if message := jsontext.Value(body); !message.IsValid() || message.Kind() != '{' {
		return nil, fault.New(fault.Malformed, "the body is a single JSON-RPC message: an object in UTF-8, no name twice, no batch")
	}
	return body, nil
}

func newToolServer(api huma.API) *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "todochat", Title: "Todos", Version: api.OpenAPI().Info.Version}, &mcp.ServerOptions{
		Instructions: instructions,
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}}, // the list of tools never changes
	})
	for _, t := range tools {
		c := call{tool: t, api: api, operation: operationAt(api, t.route)}
		server.AddTool(t.describe(c.schema()), c.handle)
	}
	return server
}

// operationAt returns the operation "METHOD /path" of the API.
func operationAt(api huma.API, route string) *huma.Operation {
	method, path, _ := strings.Cut(route, " ")
	item := api.OpenAPI().Paths[path]
	return map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}[method]
}

// call turns the calls of a tool into requests to the API.
type call struct {
	tool
	api       huma.API
	operation *huma.Operation
}

// argument returns the name under which a tool takes a parameter, or nothing
// for what is of use to HTTP only. A request that names no todo takes no
// If-Match.
func (c call) argument(p *huma.Param) string {
	switch {
	case p.In != "header":
		return p.Name
	case p.Name == "Idempotency-Key":
		return "idempotency_key"
	case p.Name == "If-Match" && strings.Contains(c.operation.Path, "{ref}"):
		return "if_match"
	}
	return ""
}

// schema describes the tool's arguments: the parameters and the members of the
// body of its operation, side by side.
func (c call) schema() *huma.Schema {
	arguments := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}, AdditionalProperties: false}
	if body := c.bodySchema(); body != nil {
		arguments.Required = append(arguments.Required, body.Required...)
		for name, s := range body.Properties {
			arguments.Properties[name] = s
		}
	}
	for _, p := range c.operation.Parameters {
		name := c.argument(p)
		if name == "" {
			continue
		}
		s := *p.Schema
		s.Description = p.Description
		if name == "if_match" { // the number that its entity tag holds
			lowest := 1.0
			s.Type, s.Minimum = huma.TypeInteger, &lowest
			s.Description = "The version that it was decided on: refused if the todo has changed since"
		}
		arguments.Properties[name] = &s
		if p.Required {
			arguments.Required = append(arguments.Required, name)
		}
	}
	return arguments
}

func (c call) bodySchema() *huma.Schema {
	if c.operation.RequestBody == nil {
		return nil
	}
	return c.inlined(c.operation.RequestBody.Content["application/json"].Schema)
}

// inlined returns the schema without references: they would lead nowhere.
func (c call) inlined(s *huma.Schema) *huma.Schema {
	if s.Ref != "" {
		s = c.api.OpenAPI().Components.Schemas.SchemaFromRef(s.Ref)
	}
	whole := *s
	if s.Items != nil {
		whole.Items = c.inlined(s.Items)
	}
	whole.Properties = make(map[string]*huma.Schema, len(s.Properties))
	for name, member := range s.Properties {
		whole.Properties[name] = c.inlined(member)
	}
	return &whole
}

// handle answers a call. What went wrong is a result, too: the model that
// called can mend it.
func (c call) handle(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	body, err := c.do(ctx, r.Extra.Header, r.Params.Arguments)
	if err != nil {
		return refusal(web.ProblemOf(ctx, err))
	}
	var what outcome
	if err := json.Unmarshal(body, &what); err != nil {
		return refusal(web.ProblemOf(ctx, fmt.Errorf("read the answer of %s: %w", c.route, err)))
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: c.tell(what)}, &mcp.TextContent{Text: string(body)}}, // for clients that read text only
		StructuredContent: body,
	}, nil
}

func refusal(p *web.Problem) (*mcp.CallToolResult, error) {
	text := p.Detail
	for _, field := range p.Errors {
		if line := field.Location + ": " + field.Message; line != p.Detail {
			text += "\n" + line
		}
	}
	body, err := json.Marshal(p)
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: text}}, StructuredContent: jsontext.Value(body)}, err
}

// do carries out the request that a call stands for. Its problems are errors.
func (c call) do(ctx context.Context, header http.Header, arguments []byte) (body jsontext.Value, err error) {
	r, err := c.request(ctx, header, arguments)
	if err != nil {
		return nil, err
	}
	defer func() {
		if cause := recover(); cause != nil { // nobody else does where the transport calls us
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	a := &answered{header: http.Header{}}
	c.api.Adapter().ServeHTTP(a, r)
	if a.status < http.StatusBadRequest {
		return a.body.Bytes(), nil
	}
	problem := &web.Problem{}
	if err := json.Unmarshal(a.body.Bytes(), problem); err != nil {
		return nil, fmt.Errorf("%s answers %d: %w", c.route, a.status, err)
	}
	return nil, problem
}

// request makes the request that a call with these arguments stands for.
func (c call) request(ctx context.Context, header http.Header, arguments []byte) (*http.Request, error) {
	left := map[string]jsontext.Value{}
	if len(arguments) > 0 {
		if err := json.Unmarshal(arguments, &left); err != nil {
			return nil, fault.New(fault.Malformed, "arguments are an object")
		}
	}
	to := &destination{c.operation.Path, url.Values{}, http.Header{"Content-Type": {"application/json"}}}
	for _, name := range []string{"Authorization", "Idempotency-Key"} {
		to.header[name] = header[name]
	}
	for _, p := range c.operation.Parameters {
		name := c.argument(p)
		value, given := left[name]
		if name == "" || !given && p.In != "path" {
			continue
		}
		text, ok := textOf(value)
		if !ok || text == "" && p.In != "query" {
			return nil, fault.InvalidField(p.In+"."+p.Name, name+" is a text or a number that is not empty")
		}
		to.put(p, text)
		delete(left, name)
	}
	body, err := c.body(to, left)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, c.operation.Method, to.path+"?"+to.query.Encode(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request of %s: %w", c.name, err)
	}
	r.Header = to.header
	return r, nil
}

// body takes the arguments that are no parameters. Without a body they can
// only be mistakes, which the operation refuses in the query.
func (c call) body(to *destination, left map[string]jsontext.Value) ([]byte, error) {
	if c.operation.RequestBody == nil {
		for name := range left {
			to.query.Set(name, "")
		}
		return nil, nil
	}
	body, err := json.Marshal(left)
	if err != nil {
		return nil, fmt.Errorf("encode the arguments of %s: %w", c.name, err)
	}
	return body, nil
}

// destination is where the parameters of a request go.
type destination struct {
	path   string
	query  url.Values
	header http.Header
}

func (d *destination) put(p *huma.Param, text string) {
	switch {
	case p.In == "path":
		d.path = strings.Replace(d.path, "{"+p.Name+"}", segment(text), 1)
	case p.In == "query":
		d.query.Set(p.Name, text)
	case p.Name == "If-Match": // an entity tag is the version in quotes
		d.header.Set(p.Name, strconv.Quote(text))
	default:
		d.header.Set(p.Name, text)
	}
}

// textOf returns a value as paths, queries and headers carry it: models mix up
// 3 and "3".
func textOf(value jsontext.Value) (string, bool) {
	switch value.Kind() {
	case '"':
		var text string
		err := json.Unmarshal(value, &text)
		return text, err == nil
	case '0':
		return value.String(), true
	}
	return "", false
}

// segment escapes a text so that it stays one segment of a path, dots included.
func segment(text string) string { return strings.ReplaceAll(url.PathEscape(text), ".", "%2E") }

// answered keeps an answer.
type answered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answered) Header() http.Header { return a.header }

func (a *answered) WriteHeader(status int) { a.status = status }

func (a *answered) Write(b []byte) (int, error) { return a.body.Write(b) }
