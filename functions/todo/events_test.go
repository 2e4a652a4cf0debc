package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/uuid"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/todochat/todochat/internal/event"
	"github.com/todochat/todochat/internal/pgtest"
)

// issuer makes tokens as a cluster's API server does.
type issuer struct {
	t    testing.TB
	key  jwk.Key
	file string // its public keys
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	raw, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jwk.Import(raw)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{jwk.KeyIDKey: "k1", jwk.AlgorithmKey: jwa.RS256()} {
		if err := key.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	set := jwk.NewSet()
	if err := set.AddKey(public); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{t, key, filepath.Join(t.TempDir(), "jwks.json")}
	if err := os.WriteFile(i.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

const (
	eventIssuer   = "https://cluster.example.com"
	eventAudience = "todo-events"
)

func (i *issuer) token(subject string, change func(*jwt.Builder)) string {
	i.t.Helper()
	b := jwt.NewBuilder().Issuer(eventIssuer).Audience([]string{eventAudience}).Subject(subject).Expiration(time.Now().Add(time.Hour))
	if change != nil {
		change(b)
	}
	made, err := b.Build()
	if err != nil {
		i.t.Fatal(err)
	}
	signed, err := jwt.Sign(made, jwt.WithKey(jwa.RS256(), i.key))
	if err != nil {
		i.t.Fatal(err)
	}
	return string(signed)
}

// send posts an event, and returns the status and the event that answers it.
func (s *server) send(t testing.TB, token string, e cloudevents.Event, structured bool) (int, *cloudevents.Event, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "POST", s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := event.WriteRequest(request, e, structured); err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 200 {
		return response.StatusCode, nil, string(body)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	answer, err := cehttp.NewEventFromHTTPResponse(response)
	if err != nil {
		t.Fatalf("the answer is no event: %v\n%s", err, body)
	}
	if err := answer.Validate(); err != nil {
		t.Errorf("the SDK finds the answer not valid: %v", err)
	}
	return 200, answer, string(body)
}

func request(t testing.TB, id string, data any) cloudevents.Event {
	t.Helper()
	e := cloudevents.NewEvent()
	e.SetID(id)
	e.SetSource("/shop")
	e.SetType(event.CreateRequested)
	if err := e.SetData("application/json", data); err != nil {
		t.Fatal(err)
	}
	return e
}

func todoFor(account, title string) map[string]any {
	return map[string]any{"account": account, "todo": map[string]any{"title": title, "due": "2026-02-01"}}
}

func TestAnEventMakesATodoOnce(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	database := pgtest.New(t)
	settings := map[string]string{
		"DATABASE_URL": database.Todo, "EVENT_ISSUER": eventIssuer, "EVENT_AUDIENCE": eventAudience, "EVENT_KEYS": i.file,
		"EVENT_SENDERS": "shop=*,system:serviceaccount:ns:one=11111111-1111-4111-8111-111111111111,system:serviceaccount:ns:one=22222222-2222-4222-8222-222222222222",
	}
	s := start(t, settings)
	me := s.signUp(t)
	token := me.str("access_token")
	account := me.body["account"].(map[string]any)["id"].(string)

	for n, structured := range []bool{false, true} {
		e := request(t, fmt.Sprint("e", n), todoFor(account, "milk"))
		status, answer, text := s.send(t, i.token("shop", nil), e, structured)
		if status != 200 || answer.Type() != "dev.todochat.todo.created.v1" || answer.Subject() == "" {
			t.Fatalf("%d %s", status, text)
		}
		status, again, text := s.send(t, i.token("shop", nil), e, !structured)
		if status != 200 || again.ID() != answer.ID() || string(again.Data()) != string(answer.Data()) {
			t.Errorf("the same event again: %d %s", status, text)
		}
	}
	if list := s.want(t, 200, token, "GET", "/api/todos", ""); list.int("total") != 2 || list.list("todos")[0]["due"] != "2026-02-01" {
		t.Errorf("two events made %s", list.text)
	}
	changed := request(t, "e0", todoFor(account, "bread"))
	if status, _, text := s.send(t, i.token("shop", nil), changed, false); status != 422 {
		t.Errorf("another event under the same source and id: %d %s, want 422", status, text)
	}

	good := request(t, "x", todoFor(account, "milk"))
	for name, c := range map[string]struct {
		token string
		event cloudevents.Event
		want  int
	}{
		"no token":              {"", good, 401},
		"a user's token":        {token, good, 401},
		"another issuer":        {i.token("shop", func(b *jwt.Builder) { b.Issuer("https://elsewhere.example.com") }), good, 401},
		"another audience":      {i.token("shop", func(b *jwt.Builder) { b.Audience([]string{"others"}) }), good, 401},
		"too old":               {i.token("shop", func(b *jwt.Builder) { b.Expiration(time.Now().Add(-time.Hour)) }), good, 401},
		"another's key":         {newIssuer(t).token("shop", nil), good, 401},
		"an unknown sender":     {i.token("stranger", nil), good, 403},
		"for another account":   {i.token("system:serviceaccount:ns:one", nil), good, 403},
		"for its account":       {i.token("system:serviceaccount:ns:one", nil), request(t, "o", todoFor("11111111-1111-4111-8111-111111111111", "milk")), 422}, // which is not there
		"no such account":       {i.token("shop", nil), request(t, "y", todoFor(uuid.NewString(), "milk")), 422},
		"a title that is empty": {i.token("shop", nil), request(t, "z", todoFor(account, "")), 422},
		"a read-only member":    {i.token("shop", nil), request(t, "v", map[string]any{"account": account, "todo": map[string]any{"title": "x", "number": 7}}), 400},
		"no data":               {i.token("shop", nil), request(t, "w", nil), 400},
	} {
		if status, _, text := s.send(t, c.token, c.event, false); status != c.want {
			t.Errorf("%s: %d %s, want %d", name, status, text, c.want)
		}
	}
	if total := s.want(t, 200, token, "GET", "/api/todos", "").int("total"); total != 2 {
		t.Errorf("refused events made %d todos", total-2)
	}
	delete(settings, "EVENT_ISSUER")
	for _, name := range []string{"EVENT_AUDIENCE", "EVENT_KEYS", "EVENT_SENDERS"} {
		delete(settings, name)
	}
	if status, _, text := start(t, settings).send(t, i.token("shop", nil), good, false); status != 403 {
		t.Errorf("where nothing is configured: %d %s, want 403", status, text)
	}
}
