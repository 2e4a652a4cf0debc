package event

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
)

func completed() todo.Change {
	at := time.Date(2026, 2, 4, 9, 0, 0, 123456000, time.UTC)
	before := todo.Todo{ID: uuid.New(), Number: 3, Title: "“milk” & ümlaut\n<b>", Status: todo.Pending, Priority: todo.High, Tags: []string{"shop"}, Version: 41, CreatedAt: at, UpdatedAt: at}
	after := before
	after.Status, after.CompletedAt, after.Version = todo.Completed, &at, 42
	return todo.Change{Seq: 42, Batch: 41, Kind: todo.KindCompleted, TodoID: before.ID, Number: 3, Before: &before, After: &after, At: at}
}

// TestTheSDKTakesWhatWeSend receives our events by the SDK's own server.
func TestTheSDKTakesWhatWeSend(t *testing.T) {
	t.Parallel()
	for name, structured := range map[string]bool{"binary": false, "structured": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := make(chan cloudevents.Event, 1)
			url := sdkServer(t, func(e cloudevents.Event) { got <- e })
			account, c := uuid.New(), completed()
			e, err := Of(account, c, "/todochat/todo")
			if err != nil {
				t.Fatal(err)
			}
			request, err := http.NewRequestWithContext(t.Context(), "POST", url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := WriteRequest(request, e, structured); err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode/100 != 2 {
				t.Fatalf("the SDK answers %s", response.Status)
			}
			r := <-got
			if err := r.Validate(); err != nil {
				t.Errorf("the SDK finds it not valid: %v", err)
			}
			if r.Type() != "dev.todochat.todo.completed.v1" || r.ID() != account.String()+"-42" || r.Subject() != c.TodoID.String() || r.Source() != "/todochat/todo" ||
				!r.Time().Equal(c.At) || r.Extensions()["partitionkey"] != account.String() || r.Extensions()["sequence"] != "0000000000000000042" {
				t.Errorf("it is\n%s", r)
			}
			var data change
			if err := json.Unmarshal(r.Data(), &data); err != nil || data.Account != account || data.Before.Title != c.Before.Title || data.After.Status != todo.Completed {
				t.Errorf("its data is %s, %v", r.Data(), err)
			}
		})
	}
}

// sdkServer is the SDK's own receiver.
func sdkServer(t *testing.T, take func(cloudevents.Event)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client, err := cloudevents.NewClientHTTP(cloudevents.WithListener(listener))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- client.StartReceiver(ctx, take) }()
	t.Cleanup(func() { stop(); <-done })
	return "http://" + listener.Addr().String()
}

func requested(t *testing.T, data any) cloudevents.Event {
	t.Helper()
	e := cloudevents.NewEvent()
	e.SetID("1")
	e.SetSource("/tests")
	e.SetType(CreateRequested)
	if err := e.SetData("application/json", data); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestWeTakeWhatTheSDKSends sends by the SDK's own client.
func TestWeTakeWhatTheSDKSends(t *testing.T) {
	t.Parallel()
	account := uuid.New()
	var keys []string
	for name, mode := range map[string]func(context.Context) context.Context{"binary": binding.WithForceBinary, "structured": binding.WithForceStructured} {
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			e, structured, err := Read(r)
			if err != nil || structured != (name == "structured") {
				t.Errorf("%s: structured %t, %v", name, structured, err)
				return
			}
			asked, err := ReadRequest(e)
			if err != nil || asked.Account != account || string(asked.Todo) != `{"title":"milk"}` {
				t.Errorf("%s: %+v, %v", name, asked, err)
			}
			keys = append(keys, asked.Key)
		}))
		client, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(server.URL))
		if err != nil {
			t.Fatal(err)
		}
		e := requested(t, map[string]any{"account": account, "todo": map[string]any{"title": "milk"}})
		if result := client.Send(mode(t.Context()), e); cloudevents.IsUndelivered(result) {
			t.Errorf("%s: %v", name, result)
		}
		server.Close()
	}
	if len(keys) != 2 || keys[0] != keys[1] || len(keys[0]) > 255 {
		t.Errorf("the same event has the keys %q", keys)
	}
}

func TestWhatIsNoRequestIsRefused(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	other := requested(t, map[string]any{"account": id, "todo": map[string]any{}})
	other.SetType("dev.todochat.todo.created.v1")
	invalid := requested(t, map[string]any{})
	invalid.SetID("")
	for name, c := range map[string]struct {
		event cloudevents.Event
		want  fault.Kind
	}{
		"another type":      {other, fault.Invalid},
		"no id":             {invalid, fault.Malformed},
		"no account":        {requested(t, map[string]any{"todo": map[string]any{"title": "x"}}), fault.Invalid},
		"no todo":           {requested(t, map[string]any{"account": id}), fault.Invalid},
		"a list as todo":    {requested(t, map[string]any{"account": id, "todo": []int{}}), fault.Invalid},
		"an unknown member": {requested(t, map[string]any{"account": id, "todo": map[string]any{}, "more": 1}), fault.Malformed},
		"an account's name": {requested(t, map[string]any{"account": "ada", "todo": map[string]any{}}), fault.Malformed},
		"no object":         {requested(t, "milk"), fault.Malformed},
	} {
		if _, err := ReadRequest(&c.event); fault.KindOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	for name, body := range map[string]string{"nothing": "", "a batch": "[]"} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", map[string]string{"nothing": "text/plain", "a batch": "application/cloudevents-batch+json"}[name])
		if _, _, err := Read(r); fault.KindOf(err) != fault.Malformed {
			t.Errorf("%s: %v, want malformed", name, err)
		}
	}
}

// TestDataIsWhatTheSchemaSays holds the data of each kind of change against the
// schema in this repository.
func TestDataIsWhatTheSchemaSays(t *testing.T) {
	t.Parallel()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	changes, err := compiler.Compile("schemas/change.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	requests, err := compiler.Compile("schemas/create.requested.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 2, 4, 10, 0, 0, 0, time.UTC)
	state := todo.State{NextNumber: 1}
	content := todo.NewContent("milk")
	content.Due = todo.Due{On: now.Truncate(24 * time.Hour)}
	id := uuid.New()
	title := "oat milk"
	for _, op := range []todo.Op{
		todo.Create{ID: id, Content: content},
		todo.Complete{Ref: todo.Ref{ID: id}},
		todo.Reopen{Ref: todo.Ref{ID: id}},
		todo.Update{Ref: todo.Ref{ID: id}, Patch: todo.Patch{Title: &title}},
		todo.Delete{Ref: todo.Ref{ID: id}},
	} {
		decision, err := todo.Decide(state, []todo.Op{op}, now)
		if err != nil {
			t.Fatal(err)
		}
		state.Seq, state.NextNumber, state.Todos = decision.Seq, decision.NextNumber, decision.Todos
		for _, c := range decision.Changes {
			e, err := Of(uuid.New(), c, "/todochat/todo")
			if err != nil {
				t.Fatal(err)
			}
			if err := changes.Validate(decoded(t, e.Data())); err != nil {
				t.Errorf("%s: %v\n%s", e.Type(), err, e.Data())
			}
		}
	}
	for text, valid := range map[string]bool{
		`{"account":"` + id.String() + `","todo":{"title":"milk","due":null,"tags":["a"]}}`: true,
		`{"account":"ada","todo":{"title":"milk"}}`:                                         false,
		`{"account":"` + id.String() + `","todo":{}}`:                                       false,
		`{"account":"` + id.String() + `","todo":{"title":"milk","number":3}}`:              false,
	} {
		if err := requests.Validate(decoded(t, []byte(text))); (err == nil) != valid {
			t.Errorf("%s: %v, want valid: %t", text, err, valid)
		}
	}
}

func decoded(t *testing.T, data []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
