package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/pgtest"
	"github.com/todochat/todochat/internal/stacktest"
	"github.com/todochat/todochat/internal/web"
)

// bearer is a transport that sends an access token, as clients of the protocol
// are set up to do.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// assistant is somebody's client of the protocol.
type assistant struct {
	t testing.TB
	*mcp.ClientSession
}

func connect(t testing.TB, url, token string) assistant {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: url + "/mcp", HTTPClient: &http.Client{Transport: bearer(token)},
	}, nil)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return assistant{t, session}
}

// try calls a tool with arguments in JSON. What is a header of an answer of the
// API is not there.
func (a assistant) try(tool, arguments string) (got answer, refused bool) {
	a.t.Helper()
	result, err := a.CallTool(a.t.Context(), &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(arguments)})
	if err != nil {
		a.t.Fatalf("%s %s: %v", tool, arguments, err)
	}
	return answerOf(a.t, result), result.IsError
}

func answerOf(t testing.TB, result *mcp.CallToolResult) answer {
	t.Helper()
	var got answer
	for _, part := range result.Content {
		got.text += part.(*mcp.TextContent).Text + "\n"
	}
	structured, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(structured, &got.body); err != nil {
		t.Fatalf("the result is no JSON object: %s", structured)
	}
	got.status = got.int("status")
	return got
}

func (a assistant) do(tool, arguments string) answer {
	a.t.Helper()
	got, refused := a.try(tool, arguments)
	if refused {
		a.t.Fatalf("%s %s is refused: %s", tool, arguments, got.text)
	}
	return got
}

func (a assistant) refuse(status int, tool, arguments string) answer {
	a.t.Helper()
	got, refused := a.try(tool, arguments)
	if !refused || got.status != status {
		a.t.Fatalf("%s %s: %s, want it refused with %d", tool, arguments, got.text, status)
	}
	return got
}

func TestAnAssistantKeepsAListWithTools(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)
	a := connect(t, s.url, token)

	made := a.do("create_todo", `{"title":"buy milk","due":"2030-02-01","tags":["home"]}`)
	if over := s.want(t, 200, token, "GET", "/api/todos/1", ""); !strings.Contains(made.text, over.text) || made.str("id") != over.str("id") {
		t.Errorf("the tool answers\n%s\nwant the wire form of the API among it:\n%s", made.text, over.text)
	}
	if changed := a.do("update_todo", `{"ref":"1","due":null,"if_match":1}`); changed.body["due"] != nil || changed.str("title") != "buy milk" {
		t.Errorf("due taken away: %s", changed.text)
	}
	a.refuse(412, "update_todo", `{"ref":"1","title":"x","if_match":1}`)
	if done := a.do("complete_todo", `{"ref":"`+made.str("id")+`"}`); done.str("status") != "completed" {
		t.Errorf("completed: %s", done.text)
	}
	if open := a.do("reopen_todo", `{"ref":1}`); open.str("status") != "pending" {
		t.Errorf("reopened: %s", open.text)
	}
	gone := a.do("delete_todo", `{"ref":"1"}`)
	a.refuse(404, "read_todo", `{"ref":"1"}`)
	a.do("undo", fmt.Sprintf(`{"seq":%d}`, gone.int("version")))
	if back := a.do("read_todo", `{"ref":"1"}`); back.str("title") != "buy milk" || back.str("status") != "pending" {
		t.Errorf("restored: %s", back.text)
	}

	a.do("batch", `{"operations":[{"op":"create","todo":{"title":"call mum","priority":"high"}},{"op":"create","todo":{"title":"call dad"}}]}`)
	first := a.do("list_todos", `{"q":"call","status":"pending","sort":"priority","limit":1}`)
	next := a.do("list_todos", fmt.Sprintf(`{"q":"call","status":"pending","sort":"priority","limit":1,"cursor":%q}`, first.str("next_cursor")))
	if first.int("total") != 2 || first.list("todos")[0]["title"] != "call mum" || next.list("todos")[0]["title"] != "call dad" {
		t.Errorf("the pages: %s and %s", first.text, next.text)
	}
	if changes := a.do("list_changes", `{"since":4,"limit":2}`); len(changes.list("changes")) != 2 || changes.body["more"] != true {
		t.Errorf("changes: %s", changes.text)
	}
}

func TestToolsSayWhatTheyDoAndWhatTheyTake(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	listed, err := connect(t, s.url, s.token(t)).ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		reads, destroys, repeatable bool
		arguments                   string
	}{
		"list_todos":    {true, false, true, "cursor due due_after due_before limit order priority q sort status tag"},
		"read_todo":     {true, false, true, "ref"},
		"create_todo":   {false, false, false, "description due idempotency_key priority status tags title"},
		"update_todo":   {false, true, true, "description due idempotency_key if_match priority ref status tags title"},
		"complete_todo": {false, false, true, "idempotency_key if_match ref"},
		"reopen_todo":   {false, false, true, "idempotency_key if_match ref"},
		"delete_todo":   {false, true, true, "idempotency_key if_match ref"},
		"undo":          {false, true, true, "idempotency_key seq"},
		"batch":         {false, true, false, "idempotency_key operations"},
		"list_changes":  {true, false, true, "limit since"},
	} {
		at := slices.IndexFunc(listed.Tools, func(tool *mcp.Tool) bool { return tool.Name == name })
		if at < 0 {
			t.Errorf("there is no tool %s", name)
			continue
		}
		tool := listed.Tools[at]
		hints := tool.Annotations
		if hints.ReadOnlyHint != want.reads || *hints.DestructiveHint != want.destroys || hints.IdempotentHint != want.repeatable || *hints.OpenWorldHint {
			t.Errorf("%s is hinted %+v, want %+v", name, hints, want)
		}
		if tool.Title == "" || hints.Title != tool.Title || tool.Description == "" {
			t.Errorf("%s does not say what it is: %+v", name, tool)
		}
		schema := tool.InputSchema.(map[string]any)
		arguments := slices.Sorted(maps.Keys(schema["properties"].(map[string]any)))
		if got := strings.Join(arguments, " "); got != want.arguments || schema["additionalProperties"] != false {
			t.Errorf("%s takes %s (more: %v), want %s and no more", name, got, schema["additionalProperties"], want.arguments)
		}
		if text, _ := json.Marshal(schema); strings.Contains(string(text), "$ref") {
			t.Errorf("the schema of %s leads elsewhere: %s", name, text)
		}
	}
	if len(listed.Tools) != 10 {
		t.Errorf("there are %d tools, want 10", len(listed.Tools))
	}
}

func TestAnAssistantOfAnotherAccountSeesNothing(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	owner, stranger := connect(t, s.url, s.token(t)), connect(t, s.url, s.token(t))
	mine := owner.do("create_todo", `{"title":"mine"}`)
	for _, ref := range []string{mine.str("id"), "1"} {
		for _, tool := range []string{"read_todo", "update_todo", "complete_todo", "reopen_todo", "delete_todo"} {
			stranger.refuse(404, tool, `{"ref":"`+ref+`"}`)
		}
		stranger.refuse(404, "batch", `{"operations":[{"op":"delete","ref":"`+ref+`"}]}`)
	}
	stranger.refuse(404, "undo", `{"seq":1}`)
	if seen := stranger.do("list_todos", `{}`); seen.int("total") != 0 {
		t.Errorf("a stranger lists %s", seen.text)
	}
	if seen := stranger.do("list_changes", `{}`); len(seen.list("changes")) != 0 {
		t.Errorf("a stranger reads %s", seen.text)
	}
	if still := owner.do("read_todo", `{"ref":"1"}`); still.text[strings.Index(still.text, "{"):] != mine.text[strings.Index(mine.text, "{"):] {
		t.Errorf("the todo is now %s, was %s", still.text, mine.text)
	}
}

const listTools = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`

func TestWhatIsNoMessageOfAPersonIsAProblem(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)
	for name, c := range map[string]struct {
		token, method, body string
		header              string
		status              int
	}{
		"no token":             {"", "POST", listTools, "", 401},
		"no token, a bad body": {"", "POST", "{", "", 401},
		"a damaged token":      {token + "x", "POST", listTools, "", 401},
		"another scheme":       {"", "POST", listTools, "Authorization: Basic " + token, 401},
		"a stream":             {token, "GET", "", "Accept: text/event-stream", 405},
		"the end of a session": {token, "DELETE", "", "Mcp-Session-Id: x", 405},
		"form data":            {token, "POST", "a=b", "Content-Type: application/x-www-form-urlencoded", 415},
		"bad JSON":             {token, "POST", `{"jsonrpc":`, "", 400},
		"a batch of messages":  {token, "POST", "[" + listTools + "]", "", 400},
		"a name twice":         {token, "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_todos","arguments":{"q":"a","q":"b"}}}`, "", 400},
		"2 MiB":                {token, "POST", `{"x":"` + strings.Repeat("x", 2<<20) + `"}`, "", 413},
	} {
		headers := []string{}
		if c.header != "" {
			headers = append(headers, c.header)
		}
		got := s.call(t, c.token, c.method, "/mcp", c.body, headers...)
		if got.status != c.status {
			t.Errorf("%s: %d %s, want %d", name, got.status, got.text, c.status)
		}
		if c.status == 401 && got.header.Get("WWW-Authenticate") == "" || c.status == 405 && got.header.Get("Allow") != "POST" {
			t.Errorf("%s: the header that %d needs is missing: %v", name, c.status, got.header)
		}
	}
}

func TestALogoutEndsWhatAnAssistantMayDo(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)
	a := connect(t, s.url, token)
	a.do("create_todo", `{"title":"x"}`)
	s.want(t, 204, token, "POST", "/api/auth/logout", "")
	for tool, arguments := range map[string]string{
		"list_todos": `{}`, "list_changes": `{}`, "read_todo": `{"ref":"1"}`, "create_todo": `{"title":"y"}`, "delete_todo": `{"ref":"1"}`,
		"undo": `{"seq":1}`, "batch": `{"operations":[{"op":"delete","ref":"1"}]}`,
	} {
		a.refuse(401, tool, arguments)
	}
}

func TestARetryOfAToolActsOnce(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)
	a := connect(t, s.url, token)
	made := a.do("create_todo", `{"title":"buy milk","idempotency_key":"k-1"}`)
	if again := a.do("create_todo", `{"title":"buy milk","idempotency_key":"k-1"}`); again.text != made.text {
		t.Errorf("the repeated call answers\n%s\nwant\n%s", again.text, made.text)
	}
	overHTTP := s.want(t, 201, token, "POST", "/api/todos", `{"title":"buy milk"}`, "Idempotency-Key: k-1")
	if !strings.Contains(made.text, overHTTP.text) {
		t.Errorf("the same over HTTP answers\n%s\nwant\n%s", overHTTP.text, made.text)
	}
	a.refuse(422, "create_todo", `{"title":"buy bread","idempotency_key":"k-1"}`)
	a.refuse(422, "delete_todo", `{"ref":"1","idempotency_key":"k-1"}`)
	for _, bad := range []string{`""`, `"a b"`, `"é"`, `"a\n"`, `null`, `"` + strings.Repeat("x", 256) + `"`} {
		a.refuse(422, "create_todo", `{"title":"x","idempotency_key":`+bad+`}`)
	}

	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_todo","arguments":{"title":"by header"}}}`
	byHeader := s.want(t, 200, token, "POST", "/mcp", call, "Idempotency-Key: k-2")
	if again := s.want(t, 200, token, "POST", "/mcp", call, "Idempotency-Key: k-2"); again.text != byHeader.text {
		t.Errorf("with the header, the repeated call answers\n%s\nwant\n%s", again.text, byHeader.text)
	}
	if seq := a.do("list_changes", `{}`).int("seq"); seq != 2 {
		t.Errorf("%d changes after two todos and their repeats, want 2", seq)
	}
}

// TestAToolRefusesAsTheAPIDoes makes the same mistake both ways.
func TestAToolRefusesAsTheAPIDoes(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	token := s.token(t)
	a := connect(t, s.url, token)
	a.do("create_todo", `{"title":"one"}`)
	for name, c := range map[string]struct {
		tool, arguments    string
		method, path, body string
	}{
		"a blank title":        {"create_todo", `{"title":" "}`, "POST", "/api/todos", `{"title":" "}`},
		"no title":             {"create_todo", `{}`, "POST", "/api/todos", `{}`},
		"a null title":         {"update_todo", `{"ref":"1","title":null}`, "PATCH", "/api/todos/1", `{"title":null}`},
		"a wrong type":         {"create_todo", `{"title":{"x":1}}`, "POST", "/api/todos", `{"title":{"x":1}}`},
		"an unknown member":    {"create_todo", `{"title":"a","titel":"b"}`, "POST", "/api/todos", `{"title":"a","titel":"b"}`},
		"a miscased member":    {"update_todo", `{"ref":"1","Title":"b"}`, "PATCH", "/api/todos/1", `{"Title":"b"}`},
		"a bad due date":       {"create_todo", `{"title":"a","due":"soon"}`, "POST", "/api/todos", `{"title":"a","due":"soon"}`},
		"a bad ref":            {"read_todo", `{"ref":"milk"}`, "GET", "/api/todos/milk", ""},
		"a path for a ref":     {"update_todo", `{"ref":"1/complete/"}`, "PATCH", "/api/todos/1%2Fcomplete", `{}`},
		"a way up for a ref":   {"delete_todo", `{"ref":".."}`, "DELETE", "/api/todos/...", ""},
		"a todo not there":     {"complete_todo", `{"ref":"7"}`, "POST", "/api/todos/7/complete", ""},
		"an unknown argument":  {"complete_todo", `{"ref":"1","colour":"red"}`, "POST", "/api/todos/1/complete?colour=red", ""},
		"a nameless argument":  {"read_todo", `{"ref":"1","":"*"}`, "GET", "/api/todos/1?=", ""},
		"an unknown filter":    {"list_todos", `{"colour":"red"}`, "GET", "/api/todos?colour=red", ""},
		"a bad limit":          {"list_todos", `{"limit":101}`, "GET", "/api/todos?limit=101", ""},
		"a bad filter":         {"list_todos", `{"due":"soon"}`, "GET", "/api/todos?due=soon", ""},
		"a bad cursor":         {"list_todos", `{"cursor":"x"}`, "GET", "/api/todos?cursor=x", ""},
		"no such change":       {"undo", `{"seq":99}`, "POST", "/api/changes/99/undo", ""},
		"a bad seq":            {"undo", `{"seq":"one"}`, "POST", "/api/changes/one/undo", ""},
		"an empty batch":       {"batch", `{"operations":[]}`, "POST", "/api/todos/batch", `{"operations":[]}`},
		"a stray member of op": {"batch", `{"operations":[{"op":"create","ref":"1","todo":{"title":"a"}}]}`, "POST", "/api/todos/batch", `{"operations":[{"op":"create","ref":"1","todo":{"title":"a"}}]}`},
	} {
		want := s.call(t, token, c.method, c.path, c.body)
		got := a.refuse(want.status, c.tool, c.arguments)
		if diff := cmp.Diff(want.body, got.body); diff != "" {
			t.Errorf("%s: the problem is another one (-API +tool):\n%s", name, diff)
		}
		if !strings.HasPrefix(got.text, want.str("detail")) {
			t.Errorf("%s: the text is %q, want it to begin with %q", name, got.text, want.str("detail"))
		}
	}
	for _, arguments := range []string{`{}`, `{"ref":""}`, `{"ref":null}`, `{"ref":["1"]}`} {
		if got := a.refuse(422, "read_todo", arguments); !hasLocation(got.list("errors"), "path.ref") {
			t.Errorf("read_todo %s: %s, want path.ref named", arguments, got.text)
		}
	}
	if seq := a.do("list_changes", `{}`).int("seq"); seq != 1 {
		t.Errorf("%d changes after so many mistakes, want the one before", seq)
	}
}

func TestABatchOfAToolHappensWhollyOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	a := connect(t, s.url, s.token(t))
	a.do("create_todo", `{"title":"one"}`)
	refused := a.refuse(404, "batch", `{"operations":[{"op":"create","todo":{"title":"two"}},{"op":"delete","ref":"1"},{"op":"complete","ref":"9"}]}`)
	if !hasLocation(refused.list("errors"), "body.operations[2]") {
		t.Errorf("refused: %s, want the third operation named", refused.text)
	}
	if left := a.do("list_todos", `{}`); left.int("total") != 1 || left.int("seq") != 1 {
		t.Errorf("after a refused batch: %s, want one todo, not touched", left.text)
	}
	done := a.do("batch", `{"operations":[{"op":"create","todo":{"title":"two"}},{"op":"update","ref":"1","patch":{"due":null,"tags":["x"]}},{"op":"delete","ref":"1"}]}`)
	a.do("undo", fmt.Sprintf(`{"seq":%v}`, done.list("changes")[0]["seq"]))
	if left := a.do("list_todos", `{}`); left.int("total") != 1 || left.list("todos")[0]["title"] != "one" {
		t.Errorf("after the undo of a batch: %s, want what was before", left.text)
	}
}

// TestAnAssistantMayComeUnderAnyHost is about proxies: the name that people
// know is not the address that the function listens on.
func TestAnAssistantMayComeUnderAnyHost(t *testing.T) {
	t.Parallel()
	s := startWithDatabase(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/mcp", strings.NewReader(listTools))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "todo.example.com"
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("Authorization", "Bearer "+s.token(t))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("under another host: %s, want 200", response.Status)
	}
}

func TestAFailureOfOursIsLoggedAndNotTold(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	key, err := account.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	todo := stacktest.Run(t, "todo", "DATABASE_URL="+database.Todo, "SIGNING_KEY="+key, "LOG_LEVEL=error")
	s := &server{url: todo.URL, client: http.DefaultClient}
	a := connect(t, s.url, s.token(t))
	if _, err := database.Conn(t).Exec(t.Context(), "alter table todo.todos rename to hidden"); err != nil {
		t.Fatal(err)
	}
	if failed := a.refuse(500, "list_todos", `{}`); strings.Contains(failed.text, "todos\"") || !strings.Contains(failed.text, "went wrong on our side") {
		t.Errorf("the assistant is told %s", failed.text)
	}
	todo.Stop(syscall.SIGTERM, 10*time.Second) // then its log is whole
	if log := todo.Log(); !strings.Contains(log, "/mcp") || !strings.Contains(log, "does not exist") {
		t.Errorf("the log says %q, want the request and the cause", log)
	}
}

func TestAPanicEndsOneCallOnly(t *testing.T) {
	t.Parallel()
	api := web.NewAPI(http.NewServeMux(), "test", "/openapi.json")
	public(api, 200, "GET /broken", "Break", func(context.Context, *struct{}) (*struct{}, error) { panic("broken") })
	c := call{tool: tool{route: "GET /broken"}, api: api, operation: operationAt(api, "GET /broken")}
	if _, err := c.do(t.Context(), http.Header{}, nil); fault.KindOf(err) != fault.Internal {
		t.Errorf("a panic becomes %v, want an internal error", err)
	}
}
