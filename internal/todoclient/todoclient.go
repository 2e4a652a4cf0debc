// Package todoclient is the todo function's API, as chat and tests call it:
// always with the token of the person whose todos they are.
package todoclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/sethvargo/go-retry"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/jwks"
	"github.com/todochat/todochat/internal/todo"
)

// Client calls one todo function. Its methods return the faults that the
// function answers with.
type Client struct {
	base *url.URL
	http *http.Client
	keys *jwks.Cache
}

// New returns a Client of the todo function at base.
func New(base *url.URL, client *http.Client) *Client {
	c := &Client{base: base, http: client}
	c.keys = newKeys(c)
	return c
}

// Me is an account with its counts.
type Me struct {
	account.Account
	Counts account.Counts `json:"counts"`
}

// Page is part of a list.
type Page struct {
	Todos      []todo.Todo `json:"todos"`
	Total      int         `json:"total"`
	NextCursor string      `json:"next_cursor"` // empty on the last page
	Seq        int64       `json:"seq"`
}

// Result is what a write did.
type Result struct {
	Todos   []todo.Todo   `json:"todos"`
	Changes []todo.Change `json:"changes"`
}

// Operation is one operation of a batch.
type Operation struct {
	Op      string        `json:"op"` // create, update, complete, reopen or delete
	Ref     string        `json:"ref,omitzero"`
	Todo    *todo.Content `json:"todo,omitzero"`
	Patch   *todo.Patch   `json:"patch,omitzero"`
	IfMatch int64         `json:"if_match,omitzero"`
}

// Me returns the account that the token is of.
func (c *Client) Me(ctx context.Context, token string) (Me, error) {
	var me Me
	return me, c.get(ctx, token, "/api/auth/me", nil, &me)
}

// Todo returns a todo by id or number.
func (c *Client) Todo(ctx context.Context, token, ref string) (todo.Todo, error) {
	var t todo.Todo
	return t, c.get(ctx, token, "/api/todos/"+url.PathEscape(ref), nil, &t)
}

// Todos returns the page of a list that begins at cursor, or its first.
func (c *Client) Todos(ctx context.Context, token string, q todo.Query, cursor string) (Page, error) {
	values := valuesOf(q)
	if cursor != "" {
		values.Set("cursor", cursor)
	}
	var page Page
	return page, c.get(ctx, token, "/api/todos", values, &page)
}

// Changes returns the changes after since.
func (c *Client) Changes(ctx context.Context, token string, since int64, limit int) (changes []todo.Change, more bool, err error) {
	var out struct {
		Changes []todo.Change `json:"changes"`
		Seq     int64         `json:"seq"`
		More    bool          `json:"more"`
	}
	err = c.get(ctx, token, "/api/changes", url.Values{"since": {strconv.FormatInt(since, 10)}, "limit": {strconv.Itoa(limit)}}, &out)
	return out.Changes, out.More, err
}

// Batch carries out all operations, or none. The key makes it happen once.
func (c *Client) Batch(ctx context.Context, token, key string, ops []Operation) (Result, error) {
	body, err := json.Marshal(struct {
		Operations []Operation `json:"operations"`
	}{ops})
	if err != nil {
		return Result{}, fmt.Errorf("encode batch: %w", err)
	}
	var result Result
	return result, c.write(ctx, token, key, "/api/todos/batch", body, &result)
}

// Undo takes back the request that made the change seq. The key makes it
// happen once.
func (c *Client) Undo(ctx context.Context, token, key string, seq int64) (Result, error) {
	var result Result
	return result, c.write(ctx, token, key, "/api/changes/"+strconv.FormatInt(seq, 10)+"/undo", nil, &result)
}

// Ping reports whether the function answers.
func (c *Client) Ping(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath("/readyz").String(), nil)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return unreachable(err)
	}
	return response.Body.Close()
}

func valuesOf(q todo.Query) url.Values {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.Limit > 0 {
		set("limit", strconv.Itoa(q.Limit))
	}
	set("status", string(q.Status))
	set("priority", string(q.Priority))
	set("tag", q.Tag)
	set("q", q.Search)
	set("due", string(q.Due))
	set("due_before", q.DueBefore.String())
	set("due_after", q.DueAfter.String())
	set("sort", string(q.Sort))
	return v
}

func (c *Client) get(ctx context.Context, token, path string, query url.Values, out any) error {
	return c.again(ctx, func(ctx context.Context) error {
		return c.send(ctx, http.MethodGet, token, "", path, query, nil, out)
	})
}

// write posts a request that its key makes safe to repeat.
func (c *Client) write(ctx context.Context, token, key, path string, body []byte, out any) error {
	if key == "" {
		return c.send(ctx, http.MethodPost, token, key, path, nil, body, out)
	}
	return c.again(ctx, func(ctx context.Context) error {
		return c.send(ctx, http.MethodPost, token, key, path, nil, body, out)
	})
}

// again repeats what is safe to repeat while the function is unavailable.
func (c *Client) again(ctx context.Context, call retry.RetryFunc) error {
	backoff := retry.WithMaxRetries(2, retry.WithJitterPercent(25, retry.NewExponential(50*time.Millisecond)))
	err := retry.Do(ctx, backoff, func(ctx context.Context) error {
		err := call(ctx)
		if fault.KindOf(err) == fault.Unavailable {
			return retry.RetryableError(err)
		}
		return err
	})
	if err != nil && ctx.Err() != nil && fault.KindOf(err) == fault.Internal {
		return unreachable(err)
	}
	return err
}

// maxAnswer bounds an answer: 1,000 todos with long descriptions.
const maxAnswer = 64 << 20

func (c *Client) send(ctx context.Context, method, token, key, path string, query url.Values, body []byte, out any) error {
	target := c.base.JoinPath(path)
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("call todo: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return unreachable(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return unreachable(err)
	}
	if response.StatusCode/100 != 2 {
		return faultOf(response, answer)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode the answer of todo to %s %s: %w", method, path, err)
	}
	return nil
}

func unreachable(cause error) error {
	return fault.New(fault.Unavailable, "your todos cannot be reached right now: try again in a moment").Because(cause)
}

// faultOf turns a problem back into the fault that it was made of.
func faultOf(response *http.Response, body []byte) error {
	var problem struct {
		Type   string        `json:"type"`
		Detail string        `json:"detail"`
		Errors []fault.Field `json:"errors"`
	}
	if err := json.Unmarshal(body, &problem, json.MatchCaseInsensitiveNames(true)); err != nil {
		cause := fmt.Errorf("todo answers %s", response.Status)
		if response.StatusCode >= 500 {
			return unreachable(cause)
		}
		return cause
	}
	kind := fault.Kind(problem.Type[strings.LastIndexByte(problem.Type, ':')+1:])
	f := fault.New(kind, problem.Detail)
	f.Fields = problem.Errors
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		f.RetryAfter = time.Duration(seconds) * time.Second
	}
	if kind == fault.Internal {
		return f.Because(errors.New("todo answers " + response.Status))
	}
	return f
}
