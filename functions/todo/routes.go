package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/web"
)

// function is the todo function.
type function struct {
	store    *postgres.Store
	signer   *account.Signer
	verifier *account.Verifier
	hasher   *account.Hasher
	ping     func(context.Context) error
	now      func() time.Time
}

// handler is the function's whole HTTP surface.
func (f *function) handler() http.Handler {
	mux := http.NewServeMux()
	api := web.NewAPI(mux, "todo", "/openapi.json")
	describeTypes(api)

	// Accounts and sessions. Signup is what the earlier edition called it.
	public(api, 201, "POST /api/auth/register", "Sign up", f.register)
	public(api, 201, "POST /api/auth/signup", "Sign up (alias)", f.register)
	public(api, 200, "POST /api/auth/login", "Sign in", f.login)
	public(api, 200, "POST /api/auth/refresh", "Renew tokens", f.refresh)
	private(f, api, 204, "POST /api/auth/logout", "Sign out", f.logout)
	private(f, api, 200, "GET /api/auth/me", "Read own account", f.me)
	private(f, api, 200, "PATCH /api/auth/me", "Change own account", f.changeMe)
	mux.HandleFunc("GET /.well-known/jwks.json", f.publishKeys)

	// Todos, each named by its id or number.
	private(f, api, 200, "GET /api/todos", "List todos", f.listTodos)
	private(f, api, 201, "POST /api/todos", "Create a todo", f.createTodo)
	private(f, api, 200, "POST /api/todos/batch", "Do many operations at once", f.batch)
	private(f, api, 200, "GET /api/todos/{ref}", "Read a todo", f.readTodo)
	private(f, api, 200, "PATCH /api/todos/{ref}", "Change members of a todo", f.patchTodo)
	private(f, api, 200, "PUT /api/todos/{ref}", "Replace a todo", f.replaceTodo)
	private(f, api, 200, "DELETE /api/todos/{ref}", "Delete a todo", f.deleteTodo)
	private(f, api, 200, "POST /api/todos/{ref}/complete", "Complete a todo", f.completeTodo)
	private(f, api, 200, "PATCH /api/todos/{ref}/complete", "Complete a todo (alias)", f.completeTodo)
	private(f, api, 200, "POST /api/todos/{ref}/reopen", "Reopen a todo", f.reopenTodo)
	private(f, api, 200, "POST /api/todos/{ref}/toggle", "Complete or reopen a todo", f.toggleTodo)

	// History.
	private(f, api, 200, "GET /api/changes", "Read changes", f.listChanges)
	private(f, api, 200, "POST /api/changes/{seq}/undo", "Undo a request", f.undo)

	public(api, 200, "GET /api/health", "Report health", f.health)
	return web.Route(mux)
}

func public[I, O any](api huma.API, status int, route, summary string, handle func(context.Context, *I) (*O, error)) {
	web.Register(api, operation(status, route, summary), handle)
}

// private adds an operation for which an access token is needed. It is
// checked before anything else, and says who asks.
func private[I, O any](f *function, api huma.API, status int, route, summary string, handle func(context.Context, account.Principal, *I) (*O, error)) {
	op := operation(status, route, summary)
	op.Security = web.Bearer
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusNotFound)
	op.Middlewares = huma.Middlewares{f.authenticate}
	web.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		return handle(ctx, ctx.Value(principalKey{}).(account.Principal), in)
	})
}

func operation(status int, route, summary string) huma.Operation {
	method, path, _ := strings.Cut(route, " ")
	op := huma.Operation{
		Method: method, Path: path, Summary: summary, DefaultStatus: status,
		OperationID: strings.Map(kebab, strings.ToLower(summary)),
		Errors:      []int{http.StatusServiceUnavailable},
	}
	if method != http.MethodGet {
		op.Errors = append(op.Errors, http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed,
			http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	op.Errors = append(op.Errors, http.StatusUnprocessableEntity)
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

type principalKey struct{}

// authenticate hands the principal from the middleware to private, and no
// further: below, who asks is an argument.
func (f *function) authenticate(ctx huma.Context, next func(huma.Context)) {
	who, err := f.principal(ctx.Context(), ctx.Header("Authorization"))
	if err != nil {
		r, w := humago.Unwrap(ctx)
		web.Fail(w, r, err)
		return
	}
	next(huma.WithValue(ctx, principalKey{}, who))
}

func (f *function) principal(ctx context.Context, authorization string) (account.Principal, error) {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return account.Principal{}, fault.New(fault.Unauthenticated, "sign in first: send Authorization: Bearer with an access token")
	}
	return f.verifier.Access(ctx, strings.TrimSpace(token))
}
