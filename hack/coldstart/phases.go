package main

import (
	"bufio"
	"bytes"
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

func (p phases) whole() time.Duration { return p.answered }

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
	var answer time.Duration
	answered := make(chan error, 1)
	go func() {
		var err error
		answer, err = b.first(ctx, todoURL+"/api/health")
		answered <- err
	}()
	pod := ""
	for pod == "" || p.ready == 0 {
		select {
		case event, ok := <-w.ResultChan():
			if !ok {
				return p, errors.New("the watch of todo's pods ended")
			}
			if pod = p.note(event, time.Since(began)); pod == "" {
				continue
			}
		case <-ctx.Done():
			return p, fmt.Errorf("no pod of todo is ready: %w", ctx.Err())
		}
	}
	if err := <-answered; err != nil {
		return p, err
	}
	p.answered = answer
	p.query, err = b.query(ctx, pod)
	return p, err
}

// note takes the time of what an event shows first, and returns the pod's name.
func (p *phases) note(event watch.Event, since time.Duration) string {
	pod, ok := event.Object.(*corev1.Pod)
	if !ok {
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

// query reads in the function's log how long its first health check took.
func (b *bench) query(ctx context.Context, pod string) (time.Duration, error) {
	log, err := b.Kube.CoreV1().Pods("todochat").GetLogs(pod, &corev1.PodLogOptions{Container: "todo"}).DoRaw(ctx)
	if err != nil {
		return 0, err
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
	return 0, fmt.Errorf("%s logged no /api/health:\n%s", pod, log)
}
