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
	op.Security = []map[string][]string{{"bearer": {}}}
	op.Errors = append(op.Errors, http.StatusNotFound)
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		caller, err := callerOf(ctx, verifier)
		if err != nil {
			r, w := humago.Unwrap(ctx)
			Fail(w, r, err)
			return
		}
		next(huma.WithValue(ctx, callerKey{}, caller))
	}}
	Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		return handle(ctx, ctx.Value(callerKey{}).(Caller), in)
	})
}

// callerKey hands the caller from the middleware to the handler, and no
// further: below, who asks is an argument.
type callerKey struct{}

func callerOf(ctx huma.Context, verifier *account.Verifier) (Caller, error) {
	scheme, token, _ := strings.Cut(ctx.Header("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Caller{}, fault.New(fault.Unauthenticated, "sign in first: send Authorization: Bearer with an access token")
	}
	who, err := verifier.Access(ctx.Context(), token)
	return Caller{who, token}, err
}
