// Package contract checks real exchanges against a program's own OpenAPI
// document. It is for tests.
package contract

import (
	"bytes"
	"context"
	"io"
	"net/http"
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
	router, err := gorillamux.NewRouter(document)
	if err != nil {
		t.Fatalf("read the contract's paths: %v", err)
	}
	return &http.Client{Transport: checker{t, router}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
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
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return response, nil // the caller sees the same
	}
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
	return response, nil
}
