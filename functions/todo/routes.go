package main

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/web"
)

// function is the todo function.
type function struct {
	store    *postgres.Store
	signer   *account.Signer
	verifier *account.Verifier
	hasher   *account.Hasher
	senders  *senders // whose events are taken; nil: none are
	source   string   // of the events that answer them
	live     *live
	ping     func(context.Context) error
	now      func() time.Time

	streamLife time.Duration   // after which a stream ends, for its client to connect again
	stopping   <-chan struct{} // closed when the program is told to stop
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
	web.PrivateEvents(api, f.verifier, web.Operation(200, "GET /api/changes/stream", "Follow changes"), streamEvents, f.streamChanges)
	private(f, api, 200, "POST /api/changes/{seq}/undo", "Undo a request", f.undo)

	// The same for assistants that people bring along.
	mux.Handle("POST /mcp", f.mcp(api))

	// CloudEvents, as Knative delivers them.
	mux.HandleFunc("POST /{$}", f.takeEvent)

	public(api, 200, "GET /api/health", "Report health", f.health)
	return web.Route(mux)
}

func public[I, O any](api huma.API, status int, route, summary string, handle func(context.Context, *I) (*O, error)) {
	web.Register(api, web.Operation(status, route, summary), handle)
}

func private[I, O any](f *function, api huma.API, status int, route, summary string, handle func(context.Context, account.Principal, *I) (*O, error)) {
	web.Private(api, f.verifier, web.Operation(status, route, summary), func(ctx context.Context, c web.Caller, in *I) (*O, error) {
		return handle(ctx, c.Principal, in)
	})
}
