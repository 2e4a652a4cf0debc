package main

import (
	"context"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
	"github.com/todochat/todochat/internal/web"
)

type changesInput struct {
	Since int64 `query:"since" minimum:"0" default:"0" doc:"The last seq that is known"`
	Limit int   `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type changesOutput struct {
	Body struct {
		Changes []todo.Change `json:"changes" nullable:"false"`
		Seq     int64         `json:"seq" doc:"The account's last change"`
		More    bool          `json:"more" doc:"Ask again, since the last of these"`
	}
}

func (f *function) listChanges(ctx context.Context, who account.Principal, in *changesInput) (*changesOutput, error) {
	out := &changesOutput{}
	var err error
	out.Body.Changes, out.Body.Seq, out.Body.More, err = f.store.Changes(ctx, who, in.Since, in.Limit)
	if err != nil {
		return nil, err
	}
	return out, nil
}

type undoInput struct {
	Seq            int64  `path:"seq" minimum:"1" doc:"Any change of the request to undo"`
	IfMatch        string `header:"If-Match" doc:"Refused: 409 tells that something has changed since"`
	IdempotencyKey string `header:"Idempotency-Key" doc:"1 to 255 visible ASCII characters: a repeat answers as the first time"`
}

// undo takes back the whole request that the change belongs to.
func (f *function) undo(ctx context.Context, who account.Principal, in *undoInput) (*resultOutput, error) {
	if in.IfMatch != "" {
		return nil, fault.InvalidField("header.If-Match", "an undo takes no If-Match: it is refused anyway when something has changed since")
	}
	if err := checkKey(in.IdempotencyKey); err != nil {
		return nil, err
	}
	result, err := f.store.Apply(ctx, who, in.IdempotencyKey, []todo.Op{todo.Undo{Seq: in.Seq}})
	if err != nil {
		return nil, locate(err, func(int) string { return "path" })
	}
	return resultOutputFrom(result), nil
}

type healthOutput struct{ Body web.Health }

func (f *function) health(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	return &healthOutput{web.CheckHealth(ctx, map[string]func(context.Context) error{"database": f.ping})}, nil
}
