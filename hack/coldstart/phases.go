package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// phases are the times from the request on: until its pod was made, was given a
// node, had its containers running, and was ready, as a watch saw it; and until
// the answer came. query is how long the function had the request, which its
// first connection to the database is part of.
type phases struct {
	made, scheduled, running, ready, answered time.Duration
	query                                     time.Duration
}

// firstOfTodo asks for todo's health, which asks the database, while nothing of
// todo runs.
func (b *bench) firstOfTodo(ctx context.Context) (p phases, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	pods := b.Kube.CoreV1().Pods("todochat")
	now, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil {
		return p, err
	}
	w, err := pods.Watch(ctx, metav1.ListOptions{LabelSelector: "serving.knative.dev/service=todo", ResourceVersion: now.ResourceVersion})
	if err != nil {
		return p, err
	}
	defer w.Stop()
	began := time.Now()
	type answer struct {
		took time.Duration
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		took, err := b.first(ctx, todoURL+"/api/health")
		answered <- answer{took, err}
	}()
	pod := ""
	for p.ready == 0 || p.answered == 0 {
		select {
		case event, ok := <-w.ResultChan():
			if !ok {
				return p, errors.New("the watch of todo's pods ended")
			}
			pod = cmp.Or(p.note(event, time.Since(began)), pod)
		case a := <-answered:
			if a.err != nil {
				return p, a.err
			}
			p.answered = a.took
		case <-ctx.Done():
			return p, fmt.Errorf("no pod of todo is ready: %w", ctx.Err())
		}
	}
	p.query, err = b.query(ctx, pod)
	return p, err
}

// note takes the time of what an event shows first, and returns the pod's name.
func (p *phases) note(event watch.Event, since time.Duration) string {
	pod, ok := event.Object.(*corev1.Pod)
	if !ok || pod.DeletionTimestamp != nil { // one of before, that is ending
		return ""
	}
	first := func(at *time.Duration, is bool) {
		if is && *at == 0 {
			*at = since
		}
	}
	first(&p.made, true)
	running := len(pod.Status.ContainerStatuses) > 0
	for _, c := range pod.Status.ContainerStatuses {
		running = running && c.State.Running != nil
	}
	for _, c := range pod.Status.Conditions {
		first(&p.scheduled, c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue)
		first(&p.ready, c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue)
	}
	first(&p.running, running)
	return pod.Name
}

// query reads in the function's log how long its first health check took. The
// line may come a moment after the answer.
func (b *bench) query(ctx context.Context, pod string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		log, err := b.Kube.CoreV1().Pods("todochat").GetLogs(pod, &corev1.PodLogOptions{Container: "todo"}).DoRaw(ctx)
		if err != nil {
			return 0, fmt.Errorf("find /api/health in the log of %s: %w", pod, err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(log)); lines.Scan(); {
			var line struct {
				Path       string  `json:"path"`
				DurationMS float64 `json:"duration_ms"`
			}
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Path == "/api/health" {
				return time.Duration(line.DurationMS * float64(time.Millisecond)), nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}
