package main

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/interpreter"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/todo"
	"github.com/todochat/todochat/internal/todoclient"
	"github.com/todochat/todochat/internal/web"
)

// function is the chat function.
type function struct {
	store    *postgres.ChatStore
	todos    *todoclient.Client
	verifier *account.Verifier
	reader   *interpreter.Interpreter
	checks   map[string]func(context.Context) error
	now      func() time.Time
}

// handler is the function's whole HTTP surface.
func (f *function) handler() http.Handler {
	mux := http.NewServeMux()
	api := web.NewAPI(mux, "chat", "/api/chat/openapi.json")
	describeTypes(api)

	web.Private(api, f.verifier, web.Operation(200, "POST /api/chat", "Say something to the assistant"), f.chat)
	web.Register(api, web.Operation(200, "GET /api/health", "Report health"), f.health)
	return web.Route(mux)
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
