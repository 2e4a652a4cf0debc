//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// asleepWithin is how long after the last request all is at zero, with the
// autoscaler's settings as Knative comes.
const asleepWithin = 120 * time.Second

// toZeroAndBack sends nothing until nothing runs, and then one request.
func toZeroAndBack(t *testing.T, s *system) {
	u := s.signUp(t)
	if _, err := u.say(t.Context(), "add water the plants"); err != nil {
		t.Fatal(err)
	}
	last := time.Now()
	s.client.CloseIdleConnections()
	until(t, "all three at zero replicas", asleepWithin, func(ctx context.Context) (string, error) {
		deployments, err := s.Kube.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{LabelSelector: "serving.knative.dev/service"})
		if err != nil {
			return "", err
		}
		if len(deployments.Items) < len(functions) {
			return "", fmt.Errorf("there are %d deployments", len(deployments.Items))
		}
		var awake []string
		for _, d := range deployments.Items {
			if *d.Spec.Replicas > 0 || d.Status.Replicas > 0 {
				awake = append(awake, d.Name)
			}
		}
		return strings.Join(awake, ", "), nil
	})
	t.Logf("all three are at zero %.0f s after the last request", time.Since(last).Seconds())

	began := time.Now()
	titles, err := u.titles(t.Context())
	if err != nil || len(titles) != 1 {
		t.Fatalf("the request that wakes it: %v, %v, want the one todo", titles, err)
	}
	t.Logf("the list came %.2f s after a request from zero", time.Since(began).Seconds())
	began = time.Now()
	answer, err := u.say(t.Context(), "mark 1 done")
	if err != nil || len(answer.Actions) != 1 || answer.Actions[0].Todo.Status != "completed" {
		t.Fatalf("a message from zero: %+v, %v", answer, err)
	}
	t.Logf("the assistant answered after %.2f s", time.Since(began).Seconds())
}

// scaleDown begins with three pods of each function, for twenty seconds at
// least, and lets the autoscaler take away under load what is too much.
func scaleDown(t *testing.T, s *system) {
	annotate := func(initial, delay string) {
		t.Helper()
		patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"autoscaling.knative.dev/initial-scale":%s,"autoscaling.knative.dev/scale-down-delay":%s}}}}}`, initial, delay)
		for _, function := range functions {
			_, err := s.Knative.ServingV1().Services(namespace).Patch(t.Context(), function, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
			if err != nil {
				t.Fatal(err)
			}
		}
		s.waitReady(t)
	}
	annotate(`"3"`, `"20s"`)
	pods := func(enough func(function string, n int) bool) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) {
			var waiting []string
			for _, function := range functions {
				list, err := s.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "serving.knative.dev/revision=" + s.latest(t, function)})
				if err != nil {
					return "", err
				}
				if n := len(list.Items); !enough(function, n) {
					waiting = append(waiting, fmt.Sprintf("%s has %d", function, n))
				}
			}
			return strings.Join(waiting, ", "), nil
		}
	}
	until(t, "three pods each", time.Minute, pods(func(_ string, n int) bool { return n == 3 }))
	l := s.startLoad(t)
	until(t, "what is too much has gone", 4*time.Minute, pods(func(_ string, n int) bool { return n == 1 }))
	l.answered(t, 2*perSecond)
	l.end(t)
	annotate("null", "null")
}

// latest is the name of a function's newest revision.
func (s *system) latest(t *testing.T, function string) string {
	t.Helper()
	service, err := s.Knative.ServingV1().Services(namespace).Get(t.Context(), function, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return service.Status.LatestReadyRevisionName
}
