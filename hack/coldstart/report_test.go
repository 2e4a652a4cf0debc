package main

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

func TestTheReportComparesMedians(t *testing.T) {
	t.Parallel()
	var all []round
	for _, s := range []time.Duration{3, 1, 2} {
		all = append(all, round{hello: s * time.Second, todo: phases{answered: 2 * s * time.Second}, page: 8 * time.Second})
	}
	got := report(all)
	for _, want := range []string{
		"| hello | 2.00 s (1.00–3.00) |",
		"| todo: `/api/health` | 4.00 s (2.00–6.00) | hello | 2.00 |",
		"| the page with its list | 8.00 s (8.00–8.00) | two hellos | 2.00 |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %q:\n%s", want, got)
		}
	}
	if m := collect(all[:2], func(r round) time.Duration { return r.hello }).median(); m != 2*time.Second {
		t.Errorf("the median of 3 s and 1 s is %v", m)
	}
}

func TestAPhaseBeginsWhenItIsSeenFirst(t *testing.T) {
	t.Parallel()
	var p phases
	pod := &corev1.Pod{}
	pod.Name = "todo-1"
	see := func(at time.Duration) {
		if name := p.note(watch.Event{Type: watch.Modified, Object: pod}, at); name != "todo-1" {
			t.Errorf("the pod is %q", name)
		}
	}
	see(1)
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
	see(2)
	pod.Status.ContainerStatuses = make([]corev1.ContainerStatus, 2)
	pod.Status.ContainerStatuses[0].State.Running = &corev1.ContainerStateRunning{}
	see(3) // one of two
	pod.Status.ContainerStatuses[1].State.Running = &corev1.ContainerStateRunning{}
	see(4)
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionTrue})
	see(5)
	see(6)
	ending := pod.DeepCopy()
	ending.DeletionTimestamp = new(metav1.Time)
	if name := new(phases).note(watch.Event{Object: ending}, 1); name != "" {
		t.Errorf("a pod that is ending is taken for the new one: %q", name)
	}
	if want := (phases{made: 1, scheduled: 2, running: 4, ready: 5}); p != want {
		t.Errorf("got %+v, want %+v", p, want)
	}
}
