// Package contract checks real exchanges against a program's own OpenAPI
// document. It is for tests.
package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Client returns an HTTP client that fails the test when an answer is not what
// the document at documentURL promises. Paths that the document does not have
// are not checked.
func Client(t testing.TB, documentURL string) *http.Client {
	t.Helper()
	document := load(t, documentURL)
	router, err := gorillamux.NewRouter(document)
	if err != nil {
		t.Fatalf("read the contract's paths: %v", err)
	}
	return &http.Client{Transport: checker{t, router}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

func load(t testing.TB, documentURL string) *openapi3.T {
	t.Helper()
	response, err := http.Get(documentURL)
	if err != nil {
		t.Fatalf("fetch the contract: %v", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("fetch the contract: %v", err)
	}
	document, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		t.Fatalf("read the contract: %v", err)
	}
	if err := document.Validate(context.Background()); err != nil {
		t.Fatalf("the contract is not valid OpenAPI: %v", err)
	}
	return document
}

type checker struct {
	t      testing.TB
	router routers.Router
}

func (c checker) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	route, parameters, err := c.router.FindRoute(request)
	if err != nil {
		return response, nil
	}
	check := func(body []byte) { c.check(request, route, parameters, response, body) }
	if strings.HasPrefix(response.Header.Get("Content-Type"), eventStream) {
		response.Body = &checkedStream{ReadCloser: response.Body, check: check}
		return response, nil
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return response, nil // the caller sees the same
	}
	check(body)
	return response, nil
}

func (c checker) check(request *http.Request, route *routers.Route, parameters map[string]string, response *http.Response, body []byte) {
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route},
		Status:                 response.StatusCode,
		Header:                 response.Header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	if err := openapi3filter.ValidateResponse(request.Context(), input); err != nil {
		c.t.Errorf("%s %s answers %d against its contract: %.500v\n%s", request.Method, request.URL.Path, response.StatusCode, err, body)
	}
}

const eventStream = "text/event-stream"

// checkedStream checks a stream once it has come to its end: the caller reads
// it as it comes.
type checkedStream struct {
	io.ReadCloser
	read  bytes.Buffer
	check func([]byte)
}

func (s *checkedStream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.read.Write(p[:n])
	if errors.Is(err, io.EOF) && s.check != nil {
		s.check(s.read.Bytes())
		s.check = nil
	}
	return n, err
}

func init() { openapi3filter.RegisterBodyDecoder(eventStream, decodeEvents) }

// decodeEvents makes of server-sent events what the contracts describe: an
// array of objects with the fields of each event.
func decodeEvents(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	events := []any{}
	for block := range strings.SplitSeq(string(text), "\n\n") {
		event := map[string]any{}
		for line := range strings.SplitSeq(block, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			switch name {
			case "id":
				number, err := strconv.ParseInt(value, 10, 64)
				if err != nil {
					return nil, fmt.Errorf("the id of an event: %w", err)
				}
				event["id"] = float64(number)
			case "event":
				event["event"] = value
			case "data":
				var data any
				if err := json.Unmarshal([]byte(value), &data); err != nil {
					return nil, fmt.Errorf("the data of an event: %w", err)
				}
				event["data"] = data
			}
		}
		if len(event) > 0 {
			events = append(events, event)
		}
	}
	return events, nil
}
