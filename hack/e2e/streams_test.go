//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	streams   = 1000
	listeners = 20 // accounts of those who follow

	// streaming is how long the streams stay open: longer than the minute over
	// which the autoscaler looks.
	streaming = 80 * time.Second
)

// followChanges opens a thousand streams of changes through the ingress. They
// need one pod of frontend and one of todo; each hears what is written.
// That all goes to zero once they close is the next step's.
func followChanges(t *testing.T, s *system) {
	var users [listeners]*user
	for n := range users {
		users[n] = s.signUp(t)
	}
	ctx, closeAll := context.WithCancel(t.Context())
	ready, heard := make(chan struct{}, streams), make(chan string, streams)
	var all sync.WaitGroup
	for n := range streams {
		all.Go(func() {
			if err := users[n%listeners].follow(ctx, ready, heard); err != nil && ctx.Err() == nil {
				t.Errorf("stream %d: %v", n, err)
			}
		})
	}
	count := func(what string, from <-chan struct{}) {
		t.Helper()
		for n := range streams {
			select {
			case <-from:
			case <-time.After(time.Minute):
				t.Fatalf("%s: %d of %d", what, n, streams)
			}
		}
	}
	began := time.Now()
	count("streams that are open", ready)
	t.Logf("%d streams are open after %.1f s", streams, time.Since(began).Seconds())

	for began := time.Now(); time.Since(began) < streaming; time.Sleep(2 * time.Second) {
		for _, function := range []string{"frontend", "todo"} {
			pods, err := s.Kube.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "serving.knative.dev/service=" + function})
			if err != nil {
				t.Fatal(err)
			}
			if len(pods.Items) != 1 {
				t.Fatalf("%s has %d pods after %.0f s of %d streams, want 1", function, len(pods.Items), time.Since(began).Seconds(), streams)
			}
		}
	}
	began = time.Now()
	for n, u := range users {
		if _, err := u.add(t.Context(), fmt.Sprintf("heard by all of user %d", n), fmt.Sprintf("heard-%d", n)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range streams {
		select {
		case <-heard:
		case <-time.After(time.Minute):
			t.Fatalf("%d of %d streams have heard of the change", n, streams)
		}
	}
	t.Logf("each stream has heard of its account's change; the %d writes and that took %.2f s", listeners, time.Since(began).Seconds())
	closeAll()
	all.Wait()
}

// follow follows the user's changes until ctx ends.
func (u *user) follow(ctx context.Context, ready chan<- struct{}, heard chan<- string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.s.url+"/api/changes/stream", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+u.token)
	patient := http.Client{Transport: u.s.client.Transport} // without a limit on the whole
	response, err := patient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s", response.Status)
	}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		switch name, _ := strings.CutPrefix(lines.Text(), "event: "); name {
		case "ready":
			ready <- struct{}{}
		case "change":
			heard <- name
		}
	}
	return ctx.Err()
}
