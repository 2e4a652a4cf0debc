//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/todochat/todochat/internal/todo"
)

const (
	bindEvents  = "go tool ko apply -f config/eventing"
	eventsReady = "kubectl -n todochat wait --for=condition=Ready broker,sinkbinding,trigger,ksvc --all --timeout=5m"
	relayNow    = "kubectl -n todochat create job relay-now --from=cronjob/relay"

	todoCreated     = "dev.todochat.todo.created.v1"
	createRequested = "dev.todochat.todo.create.requested.v1"

	// todoItself is where the Trigger finds todo, past the Broker.
	todoItself = "http://todo.todochat.svc"
)

func TestEvents(t *testing.T) {
	journey(t, true, []step{
		{"the README's commands deploy it", deploy},
		{"one command binds it to a Broker", bindToBroker},
		{"applying either again changes nothing", applyBothAgain},
		{"a receiver hears of a todo", hearOfTodo},
		{"what todo owes at zero, the job sends", relayAtZero},
		{"events are refused while nobody may send them", refuseAllEvents},
		{"the commands for OIDC let the Trigger in", letTriggerIn},
		{"with OIDC, too, a receiver hears of a todo", hearOfTodo},
		{"an event makes a todo, and the receiver hears of it", requestTodo},
		{"an event without a token is refused", refuseUnknownSender},
		{"without a Broker todo goes on", unbind},
	})
}

// bindToBroker runs the commands of docs/deploy.md, and puts a receiver beside
// todo, which the example's Trigger names.
func bindToBroker(t *testing.T, s *system) {
	s.run(t, documented(t, bindEvents))
	s.run(t, documented(t, eventsReady))
	s.waitReady(t)
	s.run(t, "go tool ko apply -f hack/e2e/receiver/receiver.yaml")
	s.run(t, documented(t, "kubectl apply -f config/eventing/examples/trigger-created.yaml"))
	s.run(t, eventsReady)
}

// applyBothAgain applies the functions over what the binding has put into them.
func applyBothAgain(t *testing.T, s *system) {
	s.run(t, documented(t, waitJobGone))
	before := s.bound(t)
	s.run(t, apply)
	s.run(t, bindEvents)
	if after := s.bound(t); after != before {
		t.Errorf("todo was %s, and is %s", before, after)
	}
}

// bound is what todo is now, and where it sends events to.
func (s *system) bound(t *testing.T) string {
	t.Helper()
	return s.run(t, `kubectl -n todochat get ksvc todo -o jsonpath='generation {.metadata.generation}, {.spec.template.spec.containers[0].env[?(@.name=="K_SINK")].value}'`)
}

func hearOfTodo(t *testing.T, s *system) {
	u := s.signUp(t)
	made, err := u.add(t.Context(), "tell the others", "told")
	if err != nil {
		t.Fatal(err)
	}
	e := s.hears(t, made.ID)[0]
	var data struct {
		Account string    `json:"account"`
		Seq     int64     `json:"seq"`
		Kind    todo.Kind `json:"kind"`
		After   todo.Todo `json:"after"`
	}
	if err := json.Unmarshal(e.Data(), &data); err != nil {
		t.Fatal(err)
	}
	account := u.account(t)
	if e.Type() != todoCreated || e.Source() != "/todochat/todo" || e.ID() != fmt.Sprintf("%s-%d", account, data.Seq) ||
		e.Extensions()["partitionkey"] != account || data.Account != account || data.Kind != todo.KindCreated || data.After.Title != "tell the others" {
		t.Errorf("the receiver heard of %s of account %s:\n%s", made.ID, account, e)
	}
}

// relayAtZero takes the Broker away until todo is at zero.
func relayAtZero(t *testing.T, s *system) {
	broker := func(replicas int) {
		t.Helper()
		s.run(t, fmt.Sprintf("kubectl -n knative-eventing scale deployment mt-broker-ingress --replicas=%d", replicas))
		s.run(t, "kubectl -n knative-eventing rollout status deployment mt-broker-ingress --timeout=2m")
	}
	u := s.signUp(t)
	broker(0)
	made, err := u.add(t.Context(), "tell them later", "later")
	if err != nil {
		t.Fatalf("without a Broker: %v", err)
	}
	s.client.CloseIdleConnections()
	// Its last pod ends later than it is scaled down, and sends until then.
	until(t, "todo has no pods", asleepWithin+time.Minute, func(ctx context.Context) (string, error) {
		pods, err := s.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "serving.knative.dev/service=todo"})
		if err != nil || len(pods.Items) == 0 {
			return "", err
		}
		return fmt.Sprintf("%d pods", len(pods.Items)), nil
	})
	broker(1)
	if events, err := s.heard(t.Context(), made.ID); err != nil || len(events) > 0 {
		t.Fatalf("before the job the receiver heard %v, %v", events, err)
	}
	s.run(t, documented(t, relayNow))
	s.run(t, "kubectl -n todochat wait --for=condition=Complete job/relay-now --timeout=2m")
	s.hears(t, made.ID)
}

func refuseAllEvents(t *testing.T, s *system) {
	err := s.send(t.Context(), todoItself, request(s.signUp(t).account(t), "by nobody"))
	if statusOf(err) != http.StatusForbidden {
		t.Errorf("an event to todo itself: %v, want 403", err)
	}
}

// letTriggerIn runs the commands of docs/deploy.md, and waits until every part
// has its tokens.
func letTriggerIn(t *testing.T, s *system) {
	text := read(t, "docs/deploy.md")
	block := ""
	for part := range strings.SplitSeq(text, "```\n") {
		if strings.HasPrefix(part, "kubectl -n todochat create configmap config-events") {
			block = part
		}
	}
	if block == "" {
		t.Fatal("docs/deploy.md does not say how events are let in")
	}
	s.run(t, block)
	for _, of := range []string{
		"broker/default --for=jsonpath='{.status.address.audience}'",
		"trigger/requests --for=jsonpath='{.status.auth.serviceAccountName}'",
		"trigger/created --for=jsonpath='{.status.auth.serviceAccountName}'",
		"ksvc/todo --for=jsonpath='{.spec.template.spec.volumes[?(@.name==\"oidc-token\")].name}'",
		"ksvc/receiver --for=jsonpath='{.spec.template.spec.volumes[?(@.name==\"oidc-token\")].name}'",
	} {
		s.run(t, "kubectl -n todochat wait --timeout=2m "+of)
	}
	s.run(t, eventsReady)
}

// requestTodo sends an event to the Broker, twice.
func requestTodo(t *testing.T, s *system) {
	u := s.signUp(t)
	asked := request(u.account(t), "by an event")
	for range 2 {
		// Knative's own parts may just be learning that tokens are wanted.
		until(t, "the Broker takes the event", time.Minute, func(ctx context.Context) (string, error) {
			return "", s.send(ctx, "", asked)
		})
	}
	var made []todo.Todo
	until(t, "the todo is there", 2*time.Minute, func(ctx context.Context) (_ string, err error) {
		made, err = u.all(ctx)
		if err == nil && len(made) == 0 {
			return "nothing yet", nil
		}
		return "", err
	})
	if len(made) != 1 || made[0].Title != "by an event" {
		t.Fatalf("the todos are %v, want the one", made)
	}
	// From todo itself, and twice as its answer to the Trigger, which the Broker
	// passes on.
	until(t, "the receiver hears of it from all sides", time.Minute, func(ctx context.Context) (string, error) {
		events, err := s.heard(ctx, made[0].ID)
		if err != nil || len(events) >= 3 {
			return "", err
		}
		return fmt.Sprintf("%d events", len(events)), nil
	})
	if again, err := u.all(t.Context()); err != nil || len(again) != 1 {
		t.Errorf("sent twice, the event made %v, %v", again, err)
	}
	for _, e := range s.hears(t, made[0].ID) {
		if e.Type() != todoCreated || e.ID() != fmt.Sprintf("%s-%d", u.account(t), made[0].Version) {
			t.Errorf("the receiver heard\n%s", e)
		}
	}
}

func refuseUnknownSender(t *testing.T, s *system) {
	err := s.send(t.Context(), todoItself, request(s.signUp(t).account(t), "by somebody"))
	if statusOf(err) != http.StatusUnauthorized {
		t.Errorf("an event to todo itself, without a token: %v, want 401", err)
	}
}

// unbind takes away what bindToBroker has applied.
func unbind(t *testing.T, s *system) {
	s.run(t, documented(t, "kubectl delete -f config/eventing"))
	until(t, "todo has no sink", time.Minute, func(ctx context.Context) (string, error) {
		service, err := s.Knative.ServingV1().Services(namespace).Get(ctx, "todo", metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		pod := service.Spec.Template.Spec
		if len(pod.Containers[0].Env) > 0 || len(pod.Volumes) > 0 || !ready(service) {
			return fmt.Sprintf("%v, %v", pod.Containers[0].Env, pod.Volumes), nil
		}
		return "", nil
	})
	if _, err := s.signUp(t).add(t.Context(), "for nobody else", "quiet"); err != nil {
		t.Fatal(err)
	}
}

// request is an event that asks for a todo.
func request(account, title string) cloudevents.Event {
	e := cloudevents.New()
	e.SetID(uuid.NewString())
	e.SetType(createRequested)
	e.SetSource("/e2e")
	e.DataEncoded = fmt.Appendf(nil, `{"account":%q,"todo":{"title":%q}}`, account, title)
	e.SetDataContentType(cloudevents.ApplicationJSON)
	return e
}

// receiver is the address of a path of the receiver.
func (s *system) receiver(ctx context.Context, path string) (string, error) {
	service, err := s.Knative.ServingV1().Services(namespace).Get(ctx, "receiver", metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	return s.URL(service.Status.URL.Host) + path, nil
}

// send has the receiver send an event: to the Broker, with the token that it
// was given for that, or without one to another address.
func (s *system) send(ctx context.Context, to string, e cloudevents.Event) error {
	address, err := s.receiver(ctx, "/send?to="+url.QueryEscape(to))
	if err != nil {
		return err
	}
	content, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = body(s.client.Post(address, cloudevents.ApplicationCloudEventsJSON, strings.NewReader(string(content))))
	return err
}

// heard are the events of a todo that the receiver has taken.
func (s *system) heard(ctx context.Context, id uuid.UUID) ([]cloudevents.Event, error) {
	address, err := s.receiver(ctx, "/events")
	if err != nil {
		return nil, err
	}
	content, err := body(s.client.Get(address))
	if err != nil {
		return nil, err
	}
	var events []cloudevents.Event
	if err := json.Unmarshal([]byte(content), &events); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(events, func(e cloudevents.Event) bool { return e.Subject() != id.String() }), nil
}

// hears waits until the receiver has heard of a todo.
func (s *system) hears(t *testing.T, id uuid.UUID) (events []cloudevents.Event) {
	t.Helper()
	until(t, "the receiver hears of the todo", 2*time.Minute, func(ctx context.Context) (waiting string, err error) {
		events, err = s.heard(ctx, id)
		if err == nil && len(events) == 0 {
			return "nothing yet", nil
		}
		return "", err
	})
	return events
}

// account is the id of the user's account.
func (u *user) account(t *testing.T) string {
	t.Helper()
	var me struct {
		ID string `json:"id"`
	}
	if err := u.call(t.Context(), http.MethodGet, "/api/auth/me", nil, &me); err != nil {
		t.Fatal(err)
	}
	return me.ID
}

// all are the user's todos, up to a page.
func (u *user) all(ctx context.Context) ([]todo.Todo, error) {
	var page struct {
		Todos []todo.Todo `json:"todos"`
	}
	err := u.call(ctx, http.MethodGet, "/api/todos", nil, &page)
	return page.Todos, err
}
