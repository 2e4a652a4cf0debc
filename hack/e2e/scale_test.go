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

// scaleDown has three pods of each function under load, and lets the autoscaler
// take them away again.
func scaleDown(t *testing.T, s *system) {
	want := func(pods int) {
		t.Helper()
		for _, function := range functions {
			s.annotateScale(t, function, pods)
		}
	}
	want(3)
	s.waitPods(t, 3, time.Minute)
	l := s.startLoad(t)
	l.answered(t, 5*perSecond)
	want(0)
	// The stable window of the autoscaler is a minute, and a pod takes up to
	// half a minute more to end.
	s.waitPods(t, 1, 3*time.Minute)
	l.answered(t, 5*perSecond)
	l.end(t)
}

// annotateScale tells the autoscaler the least pods of a function's newest
// revision, as an operator can who does not want a new revision for it.
func (s *system) annotateScale(t *testing.T, function string, pods int) {
	t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"autoscaling.knative.dev/min-scale":"%d"}}}`, pods)
	_, err := s.Knative.AutoscalingV1alpha1().PodAutoscalers(namespace).Patch(t.Context(), s.latest(t, function), types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
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

// waitPods waits until each function that is used has so many pods.
func (s *system) waitPods(t *testing.T, want int, patience time.Duration) {
	t.Helper()
	until(t, fmt.Sprintf("%d pods each", want), patience, func(ctx context.Context) (string, error) {
		var waiting []string
		for _, function := range functions {
			pods, err := s.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "serving.knative.dev/service=" + function})
			if err != nil {
				return "", err
			}
			// Nobody talks to chat meanwhile, so that it may go to zero.
			if n := len(pods.Items); n != want && (function != "chat" || n > want) {
				waiting = append(waiting, fmt.Sprintf("%s has %d", function, n))
			}
		}
		return strings.Join(waiting, ", "), nil
	})
}
