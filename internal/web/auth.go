package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
)

// Caller is who makes a request, with the token that proves it.
type Caller struct {
	account.Principal
	Token string
}

// Operation describes "METHOD /path", with the problems that it may answer.
func Operation(status int, route, summary string) huma.Operation {
	method, path, _ := strings.Cut(route, " ")
	op := huma.Operation{
		Method: method, Path: path, Summary: summary, DefaultStatus: status,
		OperationID: strings.Map(kebab, strings.ToLower(summary)),
		Errors:      []int{http.StatusUnauthorized, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable},
	}
	if method != http.MethodGet {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed,
			http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return op
}

func kebab(r rune) rune {
	switch {
	case r == ' ':
		return '-'
	case r < 'a' || r > 'z':
		return -1
	}
	return r
}

// Private adds an operation that needs an access token. It is checked before
// anything else of the request, and says who asks.
func Private[I, O any](api huma.API, verifier *account.Verifier, op huma.Operation, handle func(context.Context, Caller, *I) (*O, error)) {
	onlyFor(verifier, &op)
	Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		return handle(ctx, ctx.Value(callerKey{}).(Caller), in)
	})
}

// onlyFor lets nobody in without an access token.
func onlyFor(verifier *account.Verifier, op *huma.Operation) {
	op.Security = []map[string][]string{{"bearer": {}}}
	op.Errors = append(op.Errors, http.StatusNotFound)
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		caller, err := CallerOf(r, verifier)
		if err != nil {
			Fail(w, r, err)
			return
		}
		next(huma.WithValue(ctx, callerKey{}, caller))
	}}
}

// callerKey hands the caller from the middleware to the handler, and no
// further: below, who asks is an argument.
type callerKey struct{}

// CallerOf says who makes the request, by its access token.
func CallerOf(r *http.Request, verifier *account.Verifier) (Caller, error) {
	token, ok := Bearer(r)
	if !ok {
		return Caller{}, fault.New(fault.Unauthenticated, "sign in first: send Authorization: Bearer with an access token")
	}
	who, err := verifier.Access(r.Context(), token)
	return Caller{who, token}, err
}

// Bearer returns the token that the request is made with, if there is one (RFC 6750).
func Bearer(r *http.Request) (token string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}
