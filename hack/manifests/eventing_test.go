package manifests

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	eventingv1 "knative.dev/eventing/pkg/apis/eventing/v1"
	messagingv1 "knative.dev/eventing/pkg/apis/messaging/v1"
	sourcesv1 "knative.dev/eventing/pkg/apis/sources/v1"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"

	"github.com/todochat/todochat/hack/settings"
	"github.com/todochat/todochat/internal/event"
	"github.com/todochat/todochat/internal/todo"
)

// eventingTypes are all that config/eventing has.
var eventingTypes = map[string]func() any{
	"batch/v1 CronJob":                   types["batch/v1 CronJob"],
	"eventing.knative.dev/v1 Broker":     func() any { return &eventingv1.Broker{} },
	"eventing.knative.dev/v1 Trigger":    func() any { return &eventingv1.Trigger{} },
	"sources.knative.dev/v1 SinkBinding": func() any { return &sourcesv1.SinkBinding{} },
}

// readEventing reads what is optional, with its examples.
func readEventing(t *testing.T) []manifest {
	t.Helper()
	out := readFolder(t, root+"/config/eventing", eventingTypes)
	if len(out) < 6 {
		t.Fatalf("only %d manifests were read", len(out))
	}
	return out
}

// objects are those of one type, by name.
func objects[T any](manifests []manifest) map[string]T {
	found := map[string]T{}
	for _, m := range manifests {
		if o, ok := m.object.(T); ok {
			found[m.object.GetName()] = o
		}
	}
	return found
}

func TestKnativeAcceptsTheEventingAsItStands(t *testing.T) {
	t.Parallel()
	for _, m := range readEventing(t) {
		o, ok := m.object.(interface {
			apis.Defaultable
			apis.Validatable
		})
		if !ok {
			continue // of Kubernetes itself
		}
		// The defaults of an installation that nobody has configured.
		o.SetDefaults(t.Context())
		if err := o.Validate(t.Context()); err != nil {
			t.Errorf("%s: %v", m.file, err)
		}
	}
}

// A misspelt annotation is valid, and does nothing.
func TestTheBrokersAnnotationsAreSpelledRight(t *testing.T) {
	t.Parallel()
	for _, m := range readEventing(t) {
		want := []string{}
		if _, ok := m.object.(*eventingv1.Broker); ok {
			want = []string{eventingv1.BrokerClassAnnotationKey, messagingv1.AsyncHandlerAnnotation}
		}
		if got := slices.Sorted(maps.Keys(m.object.GetAnnotations())); !slices.Equal(got, want) {
			t.Errorf("%s has the annotations %v, want %v", m.file, got, want)
		}
	}
}

// TestEventsFindTheirWay follows the names by which the objects know one another.
func TestEventsFindTheirWay(t *testing.T) {
	t.Parallel()
	manifests := readEventing(t)
	brokers, jobs := objects[*eventingv1.Broker](manifests), objects[*batchv1.CronJob](manifests)
	services := map[string]bool{}
	for _, m := range read(t) {
		services[m.kind+" "+m.object.GetName()] = true
	}

	bound := map[string]bool{}
	for name, b := range objects[*sourcesv1.SinkBinding](manifests) {
		if sink := b.Spec.Sink.Ref; sink.Kind != "Broker" || brokers[sink.Name] == nil {
			t.Errorf("the binding %s leads to %s %s, which is not there", name, sink.Kind, sink.Name)
		}
		subject := b.Spec.Subject
		bound[subject.Kind] = true
		switch {
		case subject.Kind == "Service" && !services[subject.APIVersion+" Service "+subject.Name]:
			t.Errorf("the binding %s is of the Service %s, which is not there", name, subject.Name)
		case subject.Kind == "Job":
			for label, want := range subject.Selector.MatchLabels {
				if got := jobs["relay"].Spec.JobTemplate.Labels[label]; got != want {
					t.Errorf("the binding %s is of jobs with %s=%s, and relay's have %q", name, label, want, got)
				}
			}
		}
	}
	if !bound["Service"] || !bound["Job"] {
		t.Errorf("bound are %v, want todo and the jobs of relay", bound)
	}

	triggers := objects[*eventingv1.Trigger](manifests)
	for name, want := range map[string]struct{ eventType, subscriber string }{
		"requests": {event.CreateRequested, "todo"},
		"created":  {event.TypeOf(todo.KindCreated), "receiver"},
	} {
		trigger := triggers[name]
		if trigger == nil {
			t.Errorf("there is no Trigger %s", name)
			continue
		}
		ref := trigger.Spec.Subscriber.Ref
		if trigger.Spec.Filter.Attributes["type"] != want.eventType || brokers[trigger.Spec.Broker] == nil ||
			*ref != (duckv1.KReference{APIVersion: "serving.knative.dev/v1", Kind: "Service", Name: want.subscriber}) {
			t.Errorf("the Trigger %s is %+v with %+v, want %+v", name, trigger.Spec, ref, want)
		}
	}
}

// TestTheDocumentsLetTheTriggerIn compares what todo is told of a sender with
// what Knative calls it.
func TestTheDocumentsLetTheTriggerIn(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	trigger := objects[*eventingv1.Trigger](readEventing(t))["requests"]
	for _, want := range []string{
		"--from-literal=EVENT_AUDIENCE=" + *trigger.Spec.Subscriber.Audience + " ",
		"--from-literal=EVENT_SENDERS='system:serviceaccount:" + trigger.Namespace + ":" + trigger.Name + "-oidc-eventing.knative.dev-trigger=*' ",
		"create configmap config-events ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("docs/deploy.md lacks %s", want)
		}
	}
	known, err := settings.Read(root, "functions/todo")
	if err != nil {
		t.Fatal(err)
	}
	for _, given := range regexp.MustCompile(`--from-literal=(\w+)=`).FindAllSubmatch(text, -1) {
		if name := string(given[1]); !slices.ContainsFunc(known, func(s settings.Setting) bool { return s.Name == name }) {
			t.Errorf("docs/deploy.md gives todo a %s that it does not read", name)
		}
	}
}
