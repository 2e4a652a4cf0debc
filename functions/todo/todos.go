package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
	"github.com/todochat/todochat/internal/web"
)

// todoOutput is a todo with its ETag. Its version is the seq that undoes what
// made it so.
type todoOutput struct {
	ETag string `header:"ETag" doc:"The todo's version, for If-Match"`
	Body todo.Todo
}

// WriteInput is what every write of one todo may carry. (huma fills embedded
// structs only if their types are exported.)
type WriteInput struct {
	Ref            string `path:"ref" doc:"The todo's id or number"`
	IfMatch        string `header:"If-Match" doc:"The ETag that the write was decided on: 412 if it is no longer current"`
	IdempotencyKey string `header:"Idempotency-Key" doc:"1 to 255 visible ASCII characters: a repeat answers as the first time"`
}

// target returns what the input names and on which version it was decided.
func (in WriteInput) target() (todo.Ref, todo.IfMatch, error) {
	ref, err := parseRef(in.Ref, "path.ref")
	if err != nil {
		return todo.Ref{}, 0, err
	}
	match, err := parseIfMatch(in.IfMatch)
	return ref, match, err
}

// apply carries out one operation and answers with its todo. Locations of
// refused values are moved below body.
func (f *function) apply(ctx context.Context, who account.Principal, key string, op todo.Op) (*todoOutput, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	result, err := f.store.Apply(ctx, who, key, []todo.Op{op})
	if err != nil {
		return nil, locate(err, func(int) string { return "body" })
	}
	return &todoOutput{entityTag(result.Todos[0]), result.Todos[0]}, nil
}

// locate moves what an operation was refused for to where it stood.
func locate(err error, place func(op int) string) error {
	var refused *todo.OpError
	var why *fault.Error
	if errors.As(err, &refused) && errors.As(refused.Err, &why) {
		return why.At(place(refused.Index) + ".")
	}
	return err
}

type createInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"1 to 255 visible ASCII characters: a repeat answers as the first time"`
	Body           contentBody
}

func (f *function) createTodo(ctx context.Context, who account.Principal, in *createInput) (*todoOutput, error) {
	content, err := in.Body.content()
	if err != nil {
		return nil, below("body.", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	return f.apply(ctx, who, in.IdempotencyKey, todo.Create{ID: id, Content: content})
}

type readInput struct {
	Ref         string `path:"ref" doc:"The todo's id or number"`
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag that is held: 304 if it is still current"`
}

func (f *function) readTodo(ctx context.Context, who account.Principal, in *readInput) (*todoOutput, error) {
	ref, err := parseRef(in.Ref, "path.ref")
	if err != nil {
		return nil, err
	}
	t, err := f.store.Todo(ctx, who, ref)
	if err != nil {
		return nil, err
	}
	tag := entityTag(t)
	if matchesAny(in.IfNoneMatch, tag) {
		return nil, web.NotModified(tag)
	}
	return &todoOutput{tag, t}, nil
}

// matchesAny is the weak comparison of If-None-Match (RFC 9110).
func matchesAny(header, tag string) bool {
	for held := range strings.SplitSeq(header, ",") {
		if held = strings.TrimSpace(held); held == "*" || strings.TrimPrefix(held, "W/") == tag {
			return true
		}
	}
	return false
}

type patchInput struct {
	WriteInput
	Body patchBody
}

func (f *function) patchTodo(ctx context.Context, who account.Principal, in *patchInput) (*todoOutput, error) {
	ref, match, err := in.target()
	if err != nil {
		return nil, err
	}
	patch, err := in.Body.patch()
	if err != nil {
		return nil, below("body.", err)
	}
	return f.apply(ctx, who, in.IdempotencyKey, todo.Update{Ref: ref, Patch: patch, IfMatch: match})
}

type replaceInput struct {
	WriteInput
	Body contentBody
}

func (f *function) replaceTodo(ctx context.Context, who account.Principal, in *replaceInput) (*todoOutput, error) {
	ref, match, err := in.target()
	if err != nil {
		return nil, err
	}
	content, err := in.Body.content()
	if err != nil {
		return nil, below("body.", err)
	}
	return f.apply(ctx, who, in.IdempotencyKey, todo.Replace{Ref: ref, Content: content, IfMatch: match})
}

func (f *function) completeTodo(ctx context.Context, who account.Principal, in *WriteInput) (*todoOutput, error) {
	ref, match, err := in.target()
	if err != nil {
		return nil, err
	}
	return f.apply(ctx, who, in.IdempotencyKey, todo.Complete{Ref: ref, IfMatch: match})
}

func (f *function) reopenTodo(ctx context.Context, who account.Principal, in *WriteInput) (*todoOutput, error) {
	ref, match, err := in.target()
	if err != nil {
		return nil, err
	}
	return f.apply(ctx, who, in.IdempotencyKey, todo.Reopen{Ref: ref, IfMatch: match})
}

func (f *function) toggleTodo(ctx context.Context, who account.Principal, in *WriteInput) (*todoOutput, error) {
	ref, match, err := in.target()
	if err != nil {
		return nil, err
	}
	return f.apply(ctx, who, in.IdempotencyKey, todo.Toggle{Ref: ref, IfMatch: match})
}

// deleteTodo answers with the todo as it last was; its version is the seq
// that undoes the deletion.
func (f *function) deleteTodo(ctx context.Context, who account.Principal, in *WriteInput) (*todoOutput, error) {
	ref, match, err := in.target()
	if err != nil {
		return nil, err
	}
	return f.apply(ctx, who, in.IdempotencyKey, todo.Delete{Ref: ref, IfMatch: match})
}

type listInput struct {
	Limit     int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Cursor    string `query:"cursor" maxLength:"2000" doc:"The next_cursor of the page before"`
	Status    string `query:"status" enum:"pending,completed"`
	Priority  string `query:"priority" enum:"low,medium,high"`
	Tag       string `query:"tag" maxLength:"50"`
	Search    string `query:"q" maxLength:"200" doc:"Words in title, description or tags; typos in the title are forgiven"`
	Due       string `query:"due" enum:"overdue,today,upcoming,none" doc:"In the account's time zone"`
	DueBefore string `query:"due_before" doc:"A day or a moment"`
	DueAfter  string `query:"due_after" doc:"A day or a moment"`
	Sort      string `query:"sort" enum:"created,due,priority,title" default:"created"`
	Order     string `query:"order" enum:"asc,desc" doc:"Without it: newest, soonest, most important or A first"`
}

func (in listInput) query() (todo.Query, error) {
	q := todo.Query{
		Limit: in.Limit, Status: todo.Status(in.Status), Priority: todo.Priority(in.Priority), Tag: in.Tag,
		Search: strings.TrimSpace(in.Search), Due: todo.DueFilter(in.Due), Sort: todo.Sort(in.Sort),
	}
	q.Ascending = in.Order == "asc" || in.Order == "" && (q.Sort == todo.SortDue || q.Sort == todo.SortTitle)
	var err error
	if in.DueBefore != "" {
		if q.DueBefore, err = parseDue(in.DueBefore, "query.due_before"); err != nil {
			return todo.Query{}, err
		}
	}
	if in.DueAfter != "" {
		if q.DueAfter, err = parseDue(in.DueAfter, "query.due_after"); err != nil {
			return todo.Query{}, err
		}
	}
	for name, text := range map[string]string{"q": q.Search, "tag": q.Tag} {
		if !todo.IsText(text) {
			return todo.Query{}, fault.InvalidField("query."+name, "this is text in UTF-8 without control characters")
		}
	}
	q.Cursor, err = todo.ParseCursor(in.Cursor, q.Sort, q.Ascending)
	return q, err
}

type listOutput struct {
	Body struct {
		Todos      []todo.Todo `json:"todos" nullable:"false"`
		Total      int         `json:"total" doc:"Of all pages"`
		NextCursor *string     `json:"next_cursor" doc:"null on the last page"`
		Seq        int64       `json:"seq" doc:"Follow the changes after it to miss none"`
	}
}

func (f *function) listTodos(ctx context.Context, who account.Principal, in *listInput) (*listOutput, error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	page, err := f.store.Todos(ctx, who, q)
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	out.Body.Todos, out.Body.Total, out.Body.Seq = page.Todos, page.Total, page.Seq
	if next := page.Next.String(); next != "" {
		out.Body.NextCursor = &next
	}
	return out, nil
}
