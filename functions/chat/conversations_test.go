package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/chat"
	"github.com/todochat/todochat/internal/todo"
	"github.com/todochat/todochat/internal/todoclient"
)

// call sends a request and decodes what succeeds.
func (p *person) call(method, path string, body, out any) int {
	p.t.Helper()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		content = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.s.url+path, content)
	if err != nil {
		p.t.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	response, err := p.s.client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode < 300 && out != nil {
		if err := json.NewDecoder(response.Body).Decode(out); err != nil {
			p.t.Fatal(err)
		}
	}
	return response.StatusCode
}

type conversationsBody struct {
	Conversations []chat.Conversation `json:"conversations"`
	NextCursor    *string             `json:"next_cursor"`
}

type conversationBody struct {
	Conversation chat.Conversation `json:"conversation"`
	Messages     []messageBody     `json:"messages"`
	NextCursor   *string           `json:"next_cursor"`
}

func TestConversationsAreKept(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	p, stranger := s.signUp(t), s.signUp(t)
	p.say("add buy milk")
	first := p.conversation
	p.say("delete all")
	p.say("what should I do first?")
	p.conversation = uuid.Nil
	p.say("add bread")
	second := p.conversation

	var list conversationsBody
	p.get("/api/chat/conversations?limit=1", &list)
	if len(list.Conversations) != 1 || list.Conversations[0].ID != second || list.Conversations[0].Title != "add bread" || list.NextCursor == nil {
		t.Fatalf("the first page: %+v", list)
	}
	cursor := *list.NextCursor
	p.get("/api/chat/conversations?limit=1&cursor="+cursor, &list)
	if len(list.Conversations) != 1 || list.Conversations[0].ID != first || list.NextCursor != nil {
		t.Errorf("the second page: %+v", list)
	}

	var read conversationBody
	p.get("/api/chat/conversations/"+first.String(), &read)
	var said []string
	for _, m := range read.Messages {
		said = append(said, m.Role+" "+m.Text)
	}
	if len(said) != 6 || said[0] != "user add buy milk" || said[1] != "assistant Added #1 buy milk." || said[4] != "user what should I do first?" {
		t.Errorf("it has %q", said)
	}
	if m := read.Messages[1]; len(m.Actions) != 1 || m.Actions[0].Todo.Title != "buy milk" || m.Interpreter != "rules" {
		t.Errorf("the first answer is %+v, want its act", m)
	}
	if m := read.Messages[3]; len(m.Actions) == 0 && (m.Proposal == nil || m.Proposal.Used) {
		t.Errorf("the second answer is %+v, want its act or proposal", m)
	}
	p.get("/api/chat/conversations/"+first.String()+"?limit=4", &read)
	if len(read.Messages) != 4 || read.NextCursor == nil {
		t.Fatalf("the last four: %d, %v", len(read.Messages), read.NextCursor)
	}
	p.get("/api/chat/conversations/"+first.String()+"?limit=4&cursor="+*read.NextCursor, &read)
	if len(read.Messages) != 2 || read.NextCursor != nil || read.Messages[0].Text != "add buy milk" {
		t.Errorf("those before: %+v", read.Messages)
	}

	var renamed chat.Conversation
	path := "/api/chat/conversations/" + first.String()
	if status := p.call("PATCH", path, map[string]any{"title": " Groceries "}, &renamed); status != 200 || renamed.Title != "Groceries" {
		t.Errorf("renamed: %d %+v", status, renamed)
	}
	for name, body := range map[string]any{"an empty title": map[string]any{"title": " "}, "no title": map[string]any{}, "a long title": map[string]any{"title": strings.Repeat("a", 201)}} {
		if status := p.call("PATCH", path, body, nil); status != 422 {
			t.Errorf("%s: %d, want 422", name, status)
		}
	}
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		var body any
		if method == "PATCH" {
			body = map[string]any{"title": "mine"}
		}
		if status := stranger.call(method, path, body, nil); status != 404 {
			t.Errorf("a stranger's %s: %d, want 404", method, status)
		}
	}
	if status := p.call("DELETE", path, nil, nil); status != 204 {
		t.Errorf("deleted: %d", status)
	}
	if status := p.get(path, nil); status != 404 {
		t.Errorf("read after it was deleted: %d, want 404", status)
	}
	if status, _, _ := p.post(map[string]any{"message": "list", "conversation_id": first}); status != 404 {
		t.Errorf("continued after it was deleted: %d, want 404", status)
	}
}

// TestWhatIsDeletedStaysSo deletes a conversation, and all of an account, while
// an answer is on its way.
func TestWhatIsDeletedStaysSo(t *testing.T) {
	t.Parallel()
	s := talking(t, 40, nil, nil)
	for _, path := range []string{"/api/chat/conversations/", "/api/chat/account"} {
		p := s.signUp(t)
		p.fill("renew the passport")
		p.say("list")
		deleted := false
		p.stream(t.Context(), "/api/chat", map[string]any{"message": "what should I do first?"}, func(e event) bool {
			if e.name == eventToken && !deleted {
				deleted = true
				at := path
				if strings.HasSuffix(at, "/") {
					at += p.conversation.String()
				}
				if status := p.call("DELETE", at, nil, nil); status != 204 {
					t.Errorf("DELETE %s: %d", at, status)
				}
			}
			return true
		})
		if status := p.get("/api/chat/conversations/"+p.conversation.String(), nil); status != 404 || !deleted {
			t.Errorf("after DELETE %s the conversation is there: %d", path, status)
		}
	}
}

// TestAnAnswerThatBrokeOffIsKeptOnce hangs up in the middle of an answer, and
// asks again as the page does.
func TestAnAnswerThatBrokeOffIsKeptOnce(t *testing.T) {
	t.Parallel()
	p := talking(t, 40, nil, nil).signUp(t)
	p.fill("renew the passport")
	p.say("list")
	body := map[string]any{"message": "what should I do first?", "message_id": "m1"}
	ctx, hangUp := context.WithCancel(t.Context())
	p.stream(ctx, "/api/chat", body, func(e event) bool {
		if e.name == eventToken {
			hangUp()
		}
		return true
	})
	hangUp()
	p.hear(body)
	var read conversationBody
	if p.get("/api/chat/conversations/"+p.conversation.String(), &read); len(read.Messages) != 4 || read.Messages[2].Text != "what should I do first?" {
		t.Errorf("it has %d messages: %+v", len(read.Messages), read.Messages)
	}
}

// TestNewCodeBearsTheSchemaBefore: for the moments until the migrations are
// through.
func TestNewCodeBearsTheSchemaBefore(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	if _, err := s.database.Conn(t).Exec(t.Context(), `alter table chat.messages drop column reply; drop index chat.conversations_by_activity`); err != nil {
		t.Fatal(err)
	}
	p := s.signUp(t)
	p.say("add buy milk")
	p.say("undo")
	p.wantList("undo", []string{}...)
}

func TestAConversationCanBeBegunAndGetsItsTitle(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	var c chat.Conversation
	if status := p.call("POST", "/api/chat/conversations", map[string]any{}, &c); status != 201 || c.Title != "" {
		t.Fatalf("begun: %d %+v", status, c)
	}
	p.conversation = c.ID
	p.say("add buy milk")
	var read conversationBody
	if p.get("/api/chat/conversations/"+c.ID.String(), &read); read.Conversation.Title != "add buy milk" || len(read.Messages) != 2 {
		t.Errorf("it is %+v", read)
	}
	if p.call("POST", "/api/chat/conversations", map[string]any{"title": "Plans"}, &c); c.Title != "Plans" {
		t.Errorf("begun with a title: %+v", c)
	}
}

func TestWhoLogsOutReadsNoConversation(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	p.say("add buy milk")
	request, err := http.NewRequestWithContext(t.Context(), "POST", p.s.todoURL+"/api/auth/logout", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	for _, path := range []string{"/api/chat/conversations", "/api/chat/conversations/" + p.conversation.String(), "/api/chat/models"} {
		if status := p.get(path, nil); status != 401 {
			t.Errorf("GET %s after logging out: %d, want 401", path, status)
		}
	}
}

func TestForgettingLeavesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	p, other := s.signUp(t), s.signUp(t)
	for _, who := range []*person{p, other} {
		who.say("add buy milk")
		who.say("add bread")
		who.say("delete all")
	}
	if status := p.call("DELETE", "/api/chat/account", nil, nil); status != 204 {
		t.Fatalf("forget: %d", status)
	}
	conn := s.database.Conn(t)
	for _, table := range []string{"conversations", "messages", "turns", "proposals"} {
		var accounts int
		if err := conn.QueryRow(t.Context(), "select count(distinct account_id) from chat."+table).Scan(&accounts); err != nil || accounts != 1 {
			t.Errorf("chat.%s keeps something of %d accounts, %v, want the other's alone", table, accounts, err)
		}
	}
	if status := p.call("DELETE", "/api/chat/account", nil, nil); status != 204 {
		t.Errorf("forget again: %d", status)
	}
}

// TestAnswersSayWhatTheDatabaseSays asks about generated lists and compares
// every figure, the todos due today and the order with what is there.
func TestAnswersSayWhatTheDatabaseSays(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	conn := s.database.Conn(t)
	location, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for seed := range 100 {
		r := rand.New(rand.NewPCG(uint64(seed), 0))
		p := s.signUp(t)
		p.fillAtRandom(r, location, r.IntN(40))
		got := p.say("what should I do first?").Reply

		// The same by SQL alone.
		rows, err := conn.Query(t.Context(), `
			with mine as (
				select t.*, (now() at time zone a.time_zone)::date as today,
					coalesce(t.due_on, (t.due_at at time zone a.time_zone)::date) as day,
					coalesce(((t.due_on + 1)::timestamp at time zone a.time_zone), t.due_at) as ends
				from todo.todos t join todo.accounts a on a.id = t.account_id
				where t.account_id = $1)
			select number, title, status = 'completed', coalesce(status = 'pending' and ends <= now(), false), coalesce(day = today, false)
			from mine order by status = 'completed', (day <= today) is true desc,
				case priority when 'high' then 3 when 'medium' then 2 else 1 end desc,
				ends nulls last, number`, p.account())
		if err != nil {
			t.Fatal(err)
		}
		var open, done, overdue int
		var today, order []string
		for rows.Next() {
			var number int
			var title string
			var completed, late, isToday bool
			if err := rows.Scan(&number, &title, &completed, &late, &isToday); err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("#%d %s", number, title)
			if completed {
				done++
				continue
			}
			open++
			if late {
				overdue++
			}
			if isToday {
				today = append(today, name)
			}
			order = append(order, name)
		}
		if rows.Err() != nil {
			t.Fatal(rows.Err())
		}
		checkSummary(t, got, open, done, overdue, today, order)
		if t.Failed() {
			t.Fatalf("seed %d: %s\nopen %d, done %d, overdue %d, today %q, order %q", seed, got, open, done, overdue, today, order)
		}
	}
}

func checkSummary(t *testing.T, got string, open, done, overdue int, today, order []string) {
	t.Helper()
	if open+done == 0 {
		if got != "Your list is empty." {
			t.Errorf("an empty list is %q", got)
		}
		return
	}
	figures := fmt.Sprintf("%d todos open", open)
	if open == 1 {
		figures = "1 todo open"
	}
	if overdue > 0 {
		figures += fmt.Sprintf(", %d of them overdue", overdue)
	}
	figures += fmt.Sprintf("; %d done.", done)
	lines := strings.Split(got, "\n")
	if lines[0] != figures {
		t.Errorf("figures %q, want %q", lines[0], figures)
	}
	lines = lines[1:]
	if len(today) > 0 {
		for _, name := range today {
			if !strings.Contains(lines[0], name) {
				t.Errorf("%q lacks %q", lines[0], name)
			}
		}
		if n := strings.Count(lines[0], "#"); n != len(today) {
			t.Errorf("%q names %d, want %d", lines[0], n, len(today))
		}
		lines = lines[1:]
	}
	if open == 0 {
		if len(lines) > 0 {
			t.Errorf("with nothing open: %q", lines)
		}
		return
	}
	advised := strings.Split(strings.TrimPrefix(lines[0], "I would start with "), "; then ")
	if len(advised) != min(3, open) {
		t.Errorf("%q advises %d, want %d", lines[0], len(advised), min(3, open))
	}
	for i, one := range advised {
		if name, _, _ := strings.Cut(strings.TrimSuffix(one, "."), " — "); name != order[i] {
			t.Errorf("advice %d is %q, want %q", i+1, name, order[i])
		}
	}
}

// fillAtRandom adds n todos that differ in all that an answer speaks of; no
// two are due at the same moment.
func (p *person) fillAtRandom(r *rand.Rand, location *time.Location, n int) {
	p.t.Helper()
	if n == 0 {
		return
	}
	ops := make([]todoclient.Operation, n)
	today := time.Now().In(location)
	for i := range ops {
		content := todo.NewContent(fmt.Sprintf("thing %c%c", 'a'+i/26, 'a'+i%26))
		content.Priority = []todo.Priority{todo.Low, todo.Medium, todo.High}[r.IntN(3)]
		if r.IntN(4) == 0 {
			content.Status = todo.Completed
		}
		switch day := today.AddDate(0, 0, i-n/2); r.IntN(3) {
		case 0:
			content.Due = todo.Due{On: time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)}
		case 1:
			content.Due = todo.Due{At: time.Date(day.Year(), day.Month(), day.Day(), r.IntN(24), r.IntN(60), 0, 0, location).UTC()}
		}
		ops[i] = todoclient.Operation{Op: "create", Todo: &content}
	}
	if _, err := p.s.todos.Batch(p.t.Context(), p.token, "", ops); err != nil {
		p.t.Fatal(err)
	}
}

// account is whom the token is of.
func (p *person) account() uuid.UUID {
	p.t.Helper()
	var claims struct {
		Subject uuid.UUID `json:"sub"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(p.token, ".")[1])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return claims.Subject
}
