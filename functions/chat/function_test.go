package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/contract"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/pgtest"
	"github.com/todochat/todochat/internal/stacktest"
	"github.com/todochat/todochat/internal/todo"
	"github.com/todochat/todochat/internal/todoclient"
)

// system is the chat function on a real port, before a real todo function.
type system struct {
	url      string
	todoURL  string
	todos    *todoclient.Client
	database *pgtest.Database
	client   *http.Client
	stop     context.CancelFunc // ends the function before the test does
}

// start runs the chat function until the test ends.
func start(t testing.TB, settings map[string]string) *system {
	t.Helper()
	return startBehind(t, settings, func(todoURL string) string { return todoURL })
}

// startBehind is start with something between chat and the todo function.
func startBehind(t testing.TB, settings map[string]string, between func(todoURL string) string) *system {
	t.Helper()
	key, err := account.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	s := &system{database: pgtest.New(t)}
	s.todoURL = stacktest.Run(t, "todo", "DATABASE_URL="+s.database.Todo, "SIGNING_KEY="+key, "LOG_LEVEL=error").URL
	base, err := url.Parse(s.todoURL)
	if err != nil {
		t.Fatal(err)
	}
	s.todos = todoclient.New(base, http.DefaultClient)

	env := map[string]string{"HOST": "127.0.0.1", "PORT": "0", "DATABASE_URL": s.database.Chat, "TODO_URL": between(s.todoURL), "LOG_LEVEL": "error", "INTERPRETER": "rules", "CHAT_MODEL": "none"}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	ready, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		done <- run(ctx, nil, func(name string) string {
			if value, ok := settings[name]; ok {
				return value
			}
			return env[name]
		}, func(a net.Addr) { ready <- a })
	}()
	select {
	case addr := <-ready:
		s.url = "http://" + addr.String()
	case err := <-done:
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	s.client = contract.Client(t, s.url+"/api/chat/openapi.json")
	return s
}

// person talks to the assistant.
type person struct {
	t            testing.TB
	s            *system
	token        string
	conversation uuid.UUID
}

func (s *system) signUp(t testing.TB) *person {
	t.Helper()
	body := fmt.Sprintf(`{"email":"%s@example.com","password":"correct horse","name":"Ada","time_zone":"Europe/Berlin"}`, uuid.New())
	response, err := http.Post(s.todoURL+"/api/auth/register", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var out struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil || out.AccessToken == "" {
		t.Fatalf("register: %d %v", response.StatusCode, err)
	}
	return &person{t: t, s: s, token: out.AccessToken}
}

// post sends a body to the assistant and returns status and answer.
func (p *person) post(body map[string]any) (int, replyBody, string) {
	p.t.Helper()
	if p.conversation != uuid.Nil && body["conversation_id"] == nil {
		body["conversation_id"] = p.conversation
	}
	data, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(p.t.Context(), "POST", p.s.url+"/api/chat", bytes.NewReader(data))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+p.token)
	response, err := p.s.client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var reply replyBody
	if response.StatusCode == 200 {
		if err := json.Unmarshal(text, &reply); err != nil {
			p.t.Fatalf("decode %s: %v", text, err)
		}
	}
	return response.StatusCode, reply, string(text)
}

// say sends a message and returns the reply.
func (p *person) say(message string) replyBody {
	p.t.Helper()
	status, reply, text := p.post(map[string]any{"message": message, "message_id": uuid.NewString()})
	if status != 200 {
		p.t.Fatalf("%q: %d %s", message, status, text)
	}
	p.conversation = reply.ConversationID
	return reply
}

// list is what the todo function has, as "number title status" lines.
func (p *person) list() []string {
	p.t.Helper()
	page, err := p.s.todos.Todos(p.t.Context(), p.token, todo.Query{Limit: 100}, "")
	if err != nil {
		p.t.Fatal(err)
	}
	out := make([]string, len(page.Todos))
	for i, t := range page.Todos {
		out[len(out)-1-i] = fmt.Sprintf("%d %s %s", t.Number, t.Title, t.Status)
	}
	return out
}

// seq is how many changes the account has seen.
func (p *person) seq() int64 {
	p.t.Helper()
	page, err := p.s.todos.Todos(p.t.Context(), p.token, todo.Query{Limit: 1}, "")
	if err != nil {
		p.t.Fatal(err)
	}
	return page.Seq
}

func (p *person) wantList(after string, want ...string) {
	p.t.Helper()
	if got := p.list(); strings.Join(got, "; ") != strings.Join(want, "; ") {
		p.t.Errorf("after %q the list is %q, want %q", after, got, want)
	}
}

func TestPlainCommandsWorkWithoutAnyModel(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	for _, step := range []struct {
		say, reply string
		actions    int
		want       []string
	}{
		{"add buy milk", "Added #1 buy milk", 1, []string{"1 buy milk pending"}},
		{"list", "#1 buy milk", 0, []string{"1 buy milk pending"}},
		{"mark 1 done", "Done: #1 buy milk", 1, []string{"1 buy milk completed"}},
		{"mark 1 done", "done already", 0, []string{"1 buy milk completed"}},
		{"rename 1 to buy oat milk", "buy oat milk", 1, []string{"1 buy oat milk completed"}},
		{"undo", "Taken back", 1, []string{"1 buy milk completed"}},
		{"undo", "Taken back", 1, []string{"1 buy milk pending"}},
		{"delete 1", "Deleted #1 buy milk", 1, nil},
		{"undo", "Taken back", 1, []string{"1 buy milk pending"}},
		{"add bread, cheese and olives", "Added #4 olives", 3, []string{"1 buy milk pending", "2 bread pending", "3 cheese pending", "4 olives pending"}},
		{"undo", "Taken back", 3, []string{"1 buy milk pending"}},
		{"mark 9 done", "no todo #9", 0, []string{"1 buy milk pending"}},
		{"make it urgent", "not sure which", 0, []string{"1 buy milk pending"}}, // what was spoken of last is gone
		{"make 1 urgent", "high priority", 1, []string{"1 buy milk pending"}},
		{"tag it home", "#home", 1, []string{"1 buy milk pending"}},
		{"what should I do first?", "#1 buy milk", 0, []string{"1 buy milk pending"}},
	} {
		reply := p.say(step.say)
		if !strings.Contains(reply.Reply, step.reply) || len(reply.Actions) != step.actions || reply.Interpreter != "rules" {
			t.Errorf("%q: %q with %d actions by %s, want %q with %d by rules", step.say, reply.Reply, len(reply.Actions), reply.Interpreter, step.reply, step.actions)
		}
		p.wantList(step.say, step.want...)
	}
}

func TestEveryActionCarriesItsUndo(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	p.say("add call mum")
	action := p.say("delete call mum").Actions[0]
	if action.Op != "delete" || action.Todo.Title != "call mum" {
		t.Errorf("action %+v, want the todo as it was", action)
	}
	if _, err := p.s.todos.Undo(t.Context(), p.token, "", action.Seq); err != nil {
		t.Fatalf("undo of seq %d: %v", action.Seq, err)
	}
	p.wantList("undo by seq", "1 call mum pending")
}

func TestWhatIsNoWishCreatesNothing(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	for _, message := range []string{
		"hello", "what's the weather", "thanks!", "how do tags work here", "what can you do?", "yes", "no", "?", "undo",
		"remind me every Monday", "remind me at 5", "share my list with Bob", "attach a photo to 3", "email me when it is due",
	} {
		if reply := p.say(message); len(reply.Actions) > 0 || reply.Reply == "" {
			t.Errorf("%q: %q did %v, want nothing done", message, reply.Reply, reply.Actions)
		}
	}
	if reply := p.say("remind me every Monday"); !strings.Contains(reply.Reply, "not available") {
		t.Errorf("a repeating reminder: %q, want an honest refusal", reply.Reply)
	}
	p.wantList("all that")
	if seq := p.seq(); seq != 0 {
		t.Errorf("%d changes were made, want none", seq)
	}
}

func TestAnAmbiguousTargetIsAskedAbout(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	p.say("add buy milk")
	p.say("add milk the cow")
	p.say("add call mum")
	reply := p.say("delete milk")
	if reply.Question == "" || !strings.Contains(reply.Reply, "#1") || !strings.Contains(reply.Reply, "#2") || len(reply.Actions) > 0 {
		t.Fatalf("delete milk: %+v, want a question that names #1 and #2", reply)
	}
	p.wantList("the question", "1 buy milk pending", "2 milk the cow pending", "3 call mum pending")
	p.say("the cow one")
	p.wantList("the answer", "1 buy milk pending", "3 call mum pending")

	if reply := p.say("delete mlik"); len(reply.Actions) > 0 || reply.Question == "" {
		t.Errorf("a typo deleted something unasked: %+v", reply)
	}
	p.say("yes")
	p.wantList("yes to the one offered", "3 call mum pending")
	if reply := p.say("complete the elephant"); len(reply.Actions) > 0 || !strings.Contains(reply.Reply, "nothing called") {
		t.Errorf("no match: %+v, want it said", reply)
	}
}

func TestDeletingEverythingNeedsAConfirmation(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	p, stranger := s.signUp(t), s.signUp(t)
	p.say("add bread, cheese, olives")
	all := p.list()
	reply := p.say("delete everything")
	if reply.Proposal == nil || len(reply.Proposal.Operations) != 3 || len(reply.Actions) > 0 {
		t.Fatalf("delete everything: %+v, want a proposal of three", reply)
	}
	p.wantList("the proposal", all...)
	confirm := map[string]any{"confirm": reply.Proposal.ID}
	if status, _, text := stranger.post(map[string]any{"confirm": reply.Proposal.ID}); status != 404 {
		t.Errorf("another account confirms: %d %s, want 404", status, text)
	}
	p.wantList("another's confirmation", all...)

	status, done, text := p.post(confirm)
	if status != 200 || len(done.Actions) != 3 {
		t.Fatalf("confirmation: %d %s", status, text)
	}
	p.wantList("the confirmation")
	if status, _, text := p.post(confirm); status != 409 {
		t.Errorf("confirmed twice: %d %s, want 409", status, text)
	}
	p.say("undo")
	p.wantList("undo", all...)

	old := p.say("delete everything").Proposal
	if _, err := s.database.Conn(t).Exec(t.Context(), `update chat.proposals set expires_at = now() - interval '1 second' where id = $1`, old.ID); err != nil {
		t.Fatal(err)
	}
	if status, _, text := p.post(map[string]any{"confirm": old.ID}); status != 409 {
		t.Errorf("an old proposal: %d %s, want 409", status, text)
	}
	p.wantList("an old proposal", all...)

	p.say("delete 1 and 2")
	p.say("no")
	p.say("yes") // to nothing
	p.wantList("no", all...)
}

func TestAProposalWhoseTodosHaveChangedIsMadeAnew(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	p.say("add bread, cheese, olives")
	proposal := p.say("delete everything").Proposal
	title := "bread, and much more"
	if _, err := p.s.todos.Batch(t.Context(), p.token, "", []todoclient.Operation{
		{Op: "update", Ref: "1", Patch: &todo.Patch{Title: &title}}, {Op: "delete", Ref: "2"},
	}); err != nil {
		t.Fatal(err)
	}
	status, again, text := p.post(map[string]any{"confirm": proposal.ID})
	if status != 200 || again.Proposal == nil || len(again.Proposal.Operations) != 2 || len(again.Actions) > 0 {
		t.Fatalf("confirmation of what has changed: %d %s, want a new proposal of two", status, text)
	}
	p.wantList("the outdated confirmation", "1 bread, and much more pending", "3 olives pending")
	p.say("yes")
	p.wantList("the new confirmation")
}

func TestAYesAnswersWhatWasAskedLast(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	p.say("add bread, cheese, olives")
	all := p.list()
	p.say("delete everything")
	p.say("list") // the conversation goes on
	for _, message := range []string{"yes", "ok", "sure"} {
		if reply := p.say(message); len(reply.Actions) > 0 {
			t.Errorf("%q, long after the proposal, did %v", message, reply.Actions)
		}
	}
	p.say("delete everything")
	if reply := p.say("delete chese"); reply.Question == "" {
		t.Fatalf("a typo: %+v, want a question", reply)
	}
	p.say("yes") // to the question, not to the proposal before it
	p.wantList("yes to a question", all[0], all[2])
}

func TestTheSameTodoNamedTwiceIsDeletedOnce(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	p.say("add bread, cheese, olives")
	if reply := p.say("delete 1 and delete bread"); len(reply.Actions) != 1 || reply.Proposal != nil {
		t.Errorf("the same todo twice: %+v, want one deletion", reply)
	}
	p.wantList("deleting it twice", "2 cheese pending", "3 olives pending")
}

func TestADeletionIsOfWhatWasShown(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	p.say("add bread, cheese, olives")
	p.say("delete 1 and delete 2")
	title := "the good bread"
	if _, err := p.s.todos.Batch(t.Context(), p.token, "", []todoclient.Operation{{Op: "update", Ref: "1", Patch: &todo.Patch{Title: &title}}}); err != nil {
		t.Fatal(err)
	}
	if reply := p.say("yes"); len(reply.Actions) > 0 || reply.Proposal == nil || !strings.Contains(reply.Reply, title) {
		t.Errorf("yes to deleting what has changed: %+v, want a new proposal", reply)
	}
	p.say("yes")
	p.wantList("the new proposal", "3 olives pending")
}

func TestAnUndoThatHappenedIsTold(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	p.say("add bread")
	reply := p.say("undo and complete 99")
	if !strings.Contains(reply.Reply, "Taken back") || !strings.Contains(reply.Reply, "no todo #99") {
		t.Errorf("half of it happened: %q", reply.Reply)
	}
	p.wantList("the undo")
	if again := p.say("undo"); !strings.Contains(again.Reply, "nothing of mine") {
		t.Errorf("undo of what is undone: %q", again.Reply)
	}
}

func TestAnOldProposalIsSpokenOf(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	p := s.signUp(t)
	p.say("add bread, cheese")
	proposal := p.say("delete everything").Proposal
	if _, err := s.database.Conn(t).Exec(t.Context(), `update chat.proposals set expires_at = now() - interval '1 second' where id = $1`, proposal.ID); err != nil {
		t.Fatal(err)
	}
	if reply := p.say("yes"); !strings.Contains(reply.Reply, "too old") || len(reply.Actions) > 0 {
		t.Errorf("yes to an old proposal: %+v", reply)
	}
	p.wantList("the old proposal", "1 bread pending", "2 cheese pending")
}

// TestTurnsAtTheSameTimeKeepEachOthersActs says several things at once in one
// conversation, then takes each back.
func TestTurnsAtTheSameTimeKeepEachOthersActs(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	p.say("help")
	const turns = 4
	var all sync.WaitGroup
	for i := range turns {
		all.Go(func() {
			p.post(map[string]any{"message": fmt.Sprintf("add thing number %d", i+1), "conversation_id": p.conversation})
		})
	}
	all.Wait()
	for range turns {
		p.say("undo")
	}
	p.wantList("as many undos as acts")
}

func TestAMessageThatComesAgainActsOnce(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	p.say("add buy milk")
	message := map[string]any{"message": "complete buy milk", "message_id": "m-1"}
	var all sync.WaitGroup
	replies := make([]string, 6)
	for i := range replies {
		all.Go(func() {
			_, reply, _ := p.post(map[string]any{"message": "complete buy milk", "message_id": "m-1", "conversation_id": p.conversation})
			replies[i] = reply.Reply
		})
	}
	all.Wait()
	for _, reply := range replies {
		if reply != "Done: #1 buy milk." {
			t.Errorf("one of six answers is %q", reply)
		}
	}
	if seq := p.seq(); seq != 2 {
		t.Errorf("%d changes after six times the same message, want 2", seq)
	}

	// The reply was lost, and so was the memory of it; meanwhile the todo is
	// renamed and another one has its title.
	title := "something else"
	if _, err := p.s.todos.Batch(t.Context(), p.token, "", []todoclient.Operation{
		{Op: "update", Ref: "1", Patch: &todo.Patch{Title: &title}},
		{Op: "create", Todo: &todo.Content{Title: "buy milk", Status: todo.Pending, Priority: todo.Low}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.s.database.Conn(t).Exec(t.Context(), `update chat.turns set reply = null where message_id = 'm-1'`); err != nil {
		t.Fatal(err)
	}
	if status, reply, text := p.post(message); status != 200 || !strings.Contains(reply.Reply, "Done: #1") {
		t.Errorf("the retry: %d %s, want what it first did", status, text)
	}
	p.wantList("the retry", "1 something else completed", "2 buy milk pending")

	status, _, text := p.post(map[string]any{"message": "complete something else", "message_id": "m-1"})
	if status != 422 || !strings.Contains(text, string(fault.KeyReused)) {
		t.Errorf("another text under the same id: %d %s, want 422", status, text)
	}
}

func TestOnlyOneselfIsSpokenFor(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	p, stranger := s.signUp(t), s.signUp(t)
	p.say("add secret plans")
	if reply := stranger.say("list"); strings.Contains(reply.Reply, "secret") {
		t.Errorf("a stranger reads %q", reply.Reply)
	}
	for _, message := range []string{"delete 1", "complete secret plans", "rename 1 to mine", "delete everything"} {
		if reply := stranger.say(message); len(reply.Actions) > 0 {
			t.Errorf("a stranger's %q did %v", message, reply.Actions)
		}
	}
	p.wantList("a stranger's attempts", "1 secret plans pending")
	if status, _, _ := stranger.post(map[string]any{"message": "list", "conversation_id": p.conversation}); status != 404 {
		t.Errorf("a stranger enters a conversation: %d, want 404", status)
	}

	p.post(map[string]any{"message": "list", "message_id": "m-2"})
	request, err := http.NewRequestWithContext(t.Context(), "POST", s.todoURL+"/api/auth/logout", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != 204 {
		t.Fatalf("logout: %v, %v", response, err)
	}
	response.Body.Close()
	for _, body := range []map[string]any{
		{"message": "list"}, {"message": "hello"}, {"message": "help"}, {"message": "add x"}, {"message": "list", "message_id": "m-2"},
	} {
		if status, _, text := p.post(body); status != 401 || strings.Contains(text, "secret") {
			t.Errorf("after logout %v: %d %s, want 401", body, status, text)
		}
	}
}

func TestBadRequestsAreRefusedClearly(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	for name, c := range map[string]struct {
		body     map[string]any
		status   int
		location string
	}{
		"nothing":            {map[string]any{}, 422, "body.message"},
		"both":               {map[string]any{"message": "x", "confirm": uuid.NewString()}, 422, "body.message"},
		"blank":              {map[string]any{"message": " \n "}, 422, "body.message"},
		"too long":           {map[string]any{"message": strings.Repeat("é", 4001)}, 422, "body.message"},
		"control characters": {map[string]any{"message": "a\x00b"}, 422, "body.message"},
		"a bad proposal":     {map[string]any{"confirm": "x"}, 422, "body.confirm"},
		"no such proposal":   {map[string]any{"confirm": uuid.NewString()}, 404, ""},
		"a bad conversation": {map[string]any{"message": "list", "conversation_id": "x"}, 422, "body.conversation_id"},
		"no conversation":    {map[string]any{"message": "list", "conversation_id": uuid.NewString()}, 404, ""},
		"a bad message id":   {map[string]any{"message": "list", "message_id": "a b"}, 422, "body.message_id"},
		"a bad time zone":    {map[string]any{"message": "list", "time_zone": "Mars/Olympus"}, 422, "body.time_zone"},
		"an unknown member":  {map[string]any{"message": "list", "model": "x"}, 400, "body.model"},
	} {
		status, _, text := p.post(c.body)
		if status != c.status || !strings.Contains(text, c.location) {
			t.Errorf("%s: %d %s, want %d at %s", name, status, text, c.status, c.location)
		}
	}
}

func TestLongMessagesLoseNothing(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	long := strings.TrimSpace(strings.Repeat("very ", 300)) + " long"
	made := p.say("add " + long).Actions[0].Todo
	if made.Description != long || len([]rune(made.Title)) > todo.MaxTitle {
		t.Errorf("a long title became %d characters of title and %q", len([]rune(made.Title)), made.Description)
	}
	made = p.say("add pay rent by the twelfth of never").Actions[0].Todo
	if !strings.Contains(made.Title+made.Description, "never") {
		t.Errorf("what was said about the date is lost: %+v", made)
	}
}

func TestADueDateIsMeantWhereThePersonIs(t *testing.T) {
	t.Parallel()
	p := start(t, nil).signUp(t)
	for zone, want := range map[string]string{"Asia/Karachi": "12:00:00Z", "America/New_York": "22:00:00Z", "": "16:00:00Z"} {
		body := map[string]any{"message": "add call mum on 3 december 2035 at 5pm", "time_zone": zone}
		if zone == "" {
			delete(body, "time_zone") // the account's own: Berlin
		}
		_, reply, text := p.post(body)
		if len(reply.Actions) != 1 || reply.Actions[0].Todo.Due.String() != "2035-12-03T"+want {
			t.Errorf("5pm in %q: %s, want %s", zone, text, want)
		}
	}
}
