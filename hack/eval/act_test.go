package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/ollamatest"
	"github.com/todochat/todochat/internal/pgtest"
	"github.com/todochat/todochat/internal/stacktest"
)

// TestNothingIsDestroyedByMistake says 1,000 messages of phrasings and words
// that the intent model has never seen, and the test split, to the assistant,
// each to the same list, and looks in the database at what changed. Whatever
// changed must have been asked for: it is what the same assistant does, or
// would do after a confirmation, when a perfect interpreter reads the message.
func TestNothingIsDestroyedByMistake(t *testing.T) {
	t.Parallel()
	heldOut := heldOutMessages(t, 1000)
	split, err := read("testdata/test.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	r := newGrounds(t)
	acted := 0
	for _, c := range append(heldOut, split...) {
		asked := r.asked(t, c)
		done := r.say(t, r.assistant, c)
		acted += len(done)
		for _, act := range done {
			if !slices.Contains(asked, act) {
				// The messages of the test split are not to be looked at.
				shown := "a message of the test split"
				if slices.ContainsFunc(heldOut, func(h example) bool { return h.Message == c.Message }) {
					shown = fmt.Sprintf("%q, which means %s", c.Message, oneLine(c.Intents))
				}
				t.Errorf("%s: %s", shown, act)
			}
		}
	}
	if acted < 100 {
		t.Errorf("only %d todos were changed by all messages: this shows nothing", acted)
	}
	t.Logf("%d messages changed %d todos", len(heldOut)+len(split), acted)
}

func oneLine(intents []intent.Intent) string {
	text, err := json.Marshal(intents)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func heldOutMessages(t *testing.T, n int) []example {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./hack/model", "messages", "-n", fmt.Sprint(n), "-seed", "5")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("make messages: %v", err)
	}
	file := filepath.Join(t.TempDir(), "held-out.jsonl")
	if err := os.WriteFile(file, out, 0o600); err != nil {
		t.Fatal(err)
	}
	examples, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	return examples
}

// grounds is a list of todos, and two assistants that act on it.
type grounds struct {
	owner     *pgx.Conn
	token     string
	account   uuid.UUID
	assistant string // the address of the one that is tested
	perfect   string // and of the one that reads every message as it is meant
	meant     map[string][]intent.Intent
}

// titles are what the list has beside what a message names.
var titles = []string{
	"buy oat milk", "call the dentist", "water the plants", "renew the passport", "pay the rent", "clean the kitchen", "book flights to Porto",
	"finish the quarterly report", "pick up the parcel", "mow the lawn", "write to grandma", "fix the bike", "order printer ink", "plan the picnic",
}

const named = 6 // todos that a message names by words

func newGrounds(t *testing.T) *grounds {
	t.Helper()
	key, err := account.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t)
	r := &grounds{owner: db.Conn(t), meant: map[string][]intent.Intent{}}
	todos := stacktest.Run(t, "todo", "DATABASE_URL="+db.Todo, "SIGNING_KEY="+key, "LOG_LEVEL=error")
	settings := []string{"DATABASE_URL=" + db.Chat, "TODO_URL=" + todos.URL, "LOG_LEVEL=error"}
	r.assistant = stacktest.Run(t, "chat", append(settings, "INTERPRETER=auto", "CHAT_MODEL=none", "OLLAMA_HOST="+ollamatest.Start(t).Host)...).URL
	r.perfect = stacktest.Run(t, "chat", append(settings, "INTERPRETER=ollama:perfect", "CHAT_MODEL=none", "OLLAMA_HOST="+r.oracle(t))...).URL

	var made struct {
		AccessToken string `json:"access_token"`
	}
	post(t, todos.URL+"/api/auth/register", "", map[string]any{"email": "ada@example.com", "password": "correct horse", "name": "Ada"}, &made)
	r.token = made.AccessToken
	for i := range len(titles) + named {
		title := "something else"
		if i < len(titles) {
			title = titles[i]
		}
		post(t, todos.URL+"/api/todos", r.token, map[string]any{"title": title, "tags": []string{"home"}}, nil)
	}
	if err := r.owner.QueryRow(t.Context(), `select id from todo.accounts`).Scan(&r.account); err != nil {
		t.Fatal(err)
	}
	r.exec(t, `create table saved as select * from todo.todos`)
	for range 200 { // until Ollama has the model
		if r.reply(t, r.assistant, "hello").Interpreter == "intent" {
			return r
		}
	}
	t.Fatal("the intent model is never used")
	return nil
}

// oracle is a model that knows what each message means: no real one does.
func (r *grounds) oracle(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		var asked struct {
			Messages []struct{ Role, Content string } `json:"messages"`
		}
		if err := json.NewDecoder(request.Body).Decode(&asked); err != nil || len(asked.Messages) == 0 {
			http.Error(w, "no message", http.StatusBadRequest)
			return
		}
		intents, ok := r.meant[asked.Messages[len(asked.Messages)-1].Content]
		if !ok {
			http.Error(w, "no such message", http.StatusInternalServerError)
			return
		}
		answer, err := json.Marshal(map[string]any{"intents": intents})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"message": map[string]string{"content": string(answer)}, "done": true, "done_reason": "stop"})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func (r *grounds) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := r.owner.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// prepare makes the list as it was, with what the message names in it.
func (r *grounds) prepare(t *testing.T, c example) {
	t.Helper()
	r.exec(t, `delete from todo.todos`)
	r.exec(t, `insert into todo.todos select * from saved`)
	n := len(titles)
	for _, i := range c.Intents {
		if i.Target == "" || i.Target == "it" || i.Target == "all" || strings.Trim(i.Target, "0123456789") == "" || n == len(titles)+named {
			continue
		}
		n++
		r.exec(t, `update todo.todos set title = $1 where number = $2`, i.Target, n)
		if i.Op == intent.Reopen {
			r.exec(t, `update todo.todos set status = 'completed', completed_at = now() where number = $1`, n)
		}
	}
}

type replied struct {
	Interpreter string
	Proposal    *struct {
		Operations []struct {
			Op     string
			Number int
		}
	}
}

func (r *grounds) reply(t *testing.T, assistant, message string) replied {
	t.Helper()
	var out replied
	post(t, assistant+"/api/chat", r.token, map[string]any{"message": message}, &out)
	return out
}

// kinds are what the log of changes calls what an operation does.
var kinds = map[string]string{"delete": "deleted", "complete": "completed", "reopen": "reopened", "update": "updated"}

// asked returns what the message asks to be done to the todos that are there.
func (r *grounds) asked(t *testing.T, c example) []string {
	t.Helper()
	r.meant[c.Message] = c.Intents
	r.prepare(t, c)
	var reply replied
	acts := r.changes(t, func() { reply = r.reply(t, r.perfect, c.Message) })
	if reply.Proposal != nil {
		for _, op := range reply.Proposal.Operations {
			acts = append(acts, fmt.Sprintf("#%d %s", op.Number, kinds[op.Op]))
		}
	}
	return acts
}

// say returns what the message does to the todos that are there.
func (r *grounds) say(t *testing.T, assistant string, c example) []string {
	t.Helper()
	r.prepare(t, c)
	return r.changes(t, func() { r.reply(t, assistant, c.Message) })
}

func (r *grounds) changes(t *testing.T, during func()) []string {
	t.Helper()
	var before int64
	if err := r.owner.QueryRow(t.Context(), `select seq from todo.accounts`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	during()
	rows, err := r.owner.Query(t.Context(), `select '#' || number || ' ' || kind from todo.changes where seq > $1 and kind <> 'created' order by seq`, before)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func post(t *testing.T, address, token string, body map[string]any, into any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, address, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		t.Fatalf("%s of %.200s: %s", address, data, response.Status)
	}
	if into != nil {
		if err := json.NewDecoder(response.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
}
