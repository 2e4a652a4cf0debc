//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/todochat/todochat/internal/todo"
)

const password = "correct horse battery"

// user is somebody with an account, who comes through the ingress.
type user struct {
	s     *system
	email string
	token string
}

var users atomic.Int64

// signUp makes an account.
func (s *system) signUp(t *testing.T) *user {
	t.Helper()
	u := &user{s: s, email: fmt.Sprintf("user%d@example.com", users.Add(1))}
	var out struct {
		AccessToken string `json:"access_token"`
	}
	err := u.call(t.Context(), http.MethodPost, "/api/auth/register", map[string]string{
		"email": u.email, "password": password, "name": "User", "time_zone": "Europe/Berlin",
	}, &out)
	if err != nil {
		t.Fatalf("sign up: %v", err)
	}
	u.token = out.AccessToken
	return u
}

// call sends a request and reads the answer into out, both JSON.
func (u *user) call(ctx context.Context, method, path string, in, out any, headers ...string) error {
	var payload []byte
	if in != nil {
		var err error
		if payload, err = json.Marshal(in); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, u.s.url+path, strings.NewReader(string(payload)))
	if err != nil {
		return err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if u.token != "" {
		request.Header.Set("Authorization", "Bearer "+u.token)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	content, err := body(u.s.client.Do(request))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal([]byte(content), out)
}

// add creates a todo. The key makes it safe to repeat.
func (u *user) add(ctx context.Context, title, key string) (todo.Todo, error) {
	var made todo.Todo
	err := u.call(ctx, http.MethodPost, "/api/todos", map[string]string{"title": title}, &made, "Idempotency-Key: "+key)
	return made, err
}

// titles are those of all the user's todos.
func (u *user) titles(ctx context.Context) ([]string, error) {
	var titles []string
	for cursor := ""; ; {
		var page struct {
			Todos []struct {
				Title string `json:"title"`
			} `json:"todos"`
			NextCursor string `json:"next_cursor"` // null on the last page
		}
		if err := u.call(ctx, http.MethodGet, "/api/todos?limit=100&cursor="+cursor, nil, &page); err != nil {
			return nil, err
		}
		for _, t := range page.Todos {
			titles = append(titles, t.Title)
		}
		if cursor = page.NextCursor; cursor == "" {
			return titles, nil
		}
	}
}

// reply is what the assistant answers.
type reply struct {
	Reply       string `json:"reply"`
	Interpreter string `json:"interpreter"`

	ConversationID string `json:"conversation_id"`
	Actions        []struct {
		Op   string    `json:"op"`
		Todo todo.Todo `json:"todo"`
	} `json:"actions"`
}

// say sends a message to the assistant.
func (u *user) say(ctx context.Context, message string) (reply, error) {
	return u.goOn(ctx, "", message)
}

// goOn sends a message in a conversation, or begins one when there is none.
func (u *user) goOn(ctx context.Context, conversation, message string) (reply, error) {
	body := map[string]string{"message": message}
	if conversation != "" {
		body["conversation_id"] = conversation
	}
	var r reply
	err := u.call(ctx, http.MethodPost, "/api/chat", body, &r)
	return r, err
}

// patient repeats a call that may come while something is away, as a client
// would: what answers 503, or does not answer, is asked again.
func patient(ctx context.Context, patience time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := call(ctx)
		if err == nil || statusOf(err) != 0 && statusOf(err) != http.StatusServiceUnavailable {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("still after %v: %w", patience, err)
		}
	}
}
