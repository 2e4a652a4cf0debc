package main

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/interpreter"
	"github.com/todochat/todochat/internal/ollama"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/todo"
	"github.com/todochat/todochat/internal/todoclient"
	"github.com/todochat/todochat/internal/web"
)

// function is the chat function.
type function struct {
	log      *slog.Logger
	store    *postgres.ChatStore
	todos    *todoclient.Client
	verifier *account.Verifier
	reader   *interpreter.Interpreter
	talker   *ollama.Talker // answers free questions; nil: the program does
	models   models
	checks   map[string]func(context.Context) error
	now      func() time.Time
}

// handler is the function's whole HTTP surface.
func (f *function) handler() http.Handler {
	mux := http.NewServeMux()
	api := web.NewAPI(mux, "chat", "/api/chat/openapi.json")
	describeTypes(api)

	web.PrivateStream(api, f.verifier, web.Operation(200, "POST /api/chat", "Say something to the assistant"), chatEvents, f.chat)

	// Conversations.
	private(f, api, 200, "GET /api/chat/conversations", "List conversations", f.listConversations)
	private(f, api, 201, "POST /api/chat/conversations", "Begin a conversation", f.beginConversation)
	private(f, api, 200, "GET /api/chat/conversations/{id}", "Read a conversation", f.readConversation)
	private(f, api, 200, "PATCH /api/chat/conversations/{id}", "Rename a conversation", f.renameConversation)
	private(f, api, 204, "DELETE /api/chat/conversations/{id}", "Delete a conversation", f.deleteConversation)
	private(f, api, 204, "DELETE /api/chat/account", "Forget all that was said", f.forget)

	// Language models.
	private(f, api, 200, "GET /api/chat/models", "List models", f.listModels)
	web.PrivateStream(api, f.verifier, web.Operation(200, "POST /api/chat/models/pull", "Pull a model"), pullEvents, f.pullModel)

	web.Register(api, web.Operation(200, "GET /api/health", "Report health"), f.health)
	return web.Route(mux)
}

// private adds an operation that speaks of what chat itself keeps: whether the
// session still lives, only the todo function can tell.
func private[I, O any](f *function, api huma.API, status int, route, summary string, handle func(context.Context, account.Principal, *I) (*O, error)) {
	web.Private(api, f.verifier, web.Operation(status, route, summary), func(ctx context.Context, who web.Caller, in *I) (*O, error) {
		if _, err := f.todos.Me(ctx, who.Token); err != nil {
			return nil, err
		}
		return handle(ctx, who.Principal, in)
	})
}

type healthOutput struct{ Body web.Health }

func (f *function) health(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	return &healthOutput{web.CheckHealth(ctx, f.checks)}, nil
}

// describeTypes tells the OpenAPI document what the domain's types look like
// on the wire.
func describeTypes(api huma.API) {
	registry := api.OpenAPI().Components.Schemas
	registry.RegisterTypeAlias(reflect.TypeFor[todo.Due](), reflect.TypeFor[*string]())
	registry.RegisterTypeAlias(reflect.TypeFor[uuid.UUID](), reflect.TypeFor[string]())
}
