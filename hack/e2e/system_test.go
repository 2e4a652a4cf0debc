//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/todochat/todochat/hack/rig"
)

const (
	root      = "../.."
	namespace = "todochat"
)

// functions are the three Knative Services, in the order in which they call
// one another.
var functions = []string{"frontend", "chat", "todo"}

// system is the cluster and what we deployed to it.
type system struct {
	*rig.Rig
	url    string // of the frontend; known once it is deployed
	client *http.Client
}

// newSystem brings a cluster up, or takes the one that KUBECONFIG names.
func newSystem(t *testing.T, eventing bool) *system {
	t.Helper()
	r, err := rig.Open(t.Context(), rig.Options{Root: root, Name: "e2e", Port: 26450, Eventing: eventing, Say: func(line string) { t.Log(line) }})
	if err != nil {
		t.Fatal(err)
	}
	s := &system{Rig: r, client: r.Client()}
	if s.Own {
		return s
	}
	_, err = r.Kube.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
	if err == nil {
		t.Fatalf("there is a namespace %s already, and this test removes it in the end: remove it yourself first, or use another cluster", namespace)
	}
	if !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	return s
}

// close removes what was made. It is no part of the journey's result.
func (s *system) close(t *testing.T) {
	ctx := context.Background()
	if t.Failed() {
		s.explain(ctx, t)
	}
	if os.Getenv("E2E_KEEP") != "" {
		t.Logf("left up, as E2E_KEEP asks: KUBECONFIG=%s; CLUSTER_NAME=e2e hack/cluster/cluster down ends a cluster of its own", s.Getenv("KUBECONFIG"))
		return
	}
	err := s.Close(ctx)
	if !s.Own {
		_, err = s.Run(ctx, "", "kubectl delete namespace "+namespace+" --wait --timeout=5m")
	}
	if err != nil {
		t.Log(err)
	}
}

// explain shows what the cluster knows about a failure.
func (s *system) explain(ctx context.Context, t *testing.T) {
	for _, command := range []string{
		"kubectl -n todochat get pods,jobs,ksvc,revisions -o wide",
		"kubectl -n todochat get events --sort-by=.lastTimestamp | tail -n 40",
		"for f in todo chat frontend; do kubectl -n todochat logs -l serving.knative.dev/service=$f -c $f --tail=30 --prefix; done",
	} {
		out, err := s.Run(ctx, "", command)
		t.Logf("%s\n%s%v", command, out, err)
	}
}

// run runs a command as a user would. A failure ends the test.
func (s *system) run(t *testing.T, command string) string {
	t.Helper()
	return s.runIn(t, "", command)
}

func (s *system) runIn(t *testing.T, folder, command string) string {
	t.Helper()
	t.Logf("$ %s", command)
	out, err := s.Run(t.Context(), folder, command)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// until asks again and again, until done, which says what it waits for.
func until(t *testing.T, what string, patience time.Duration, done func(context.Context) (waiting string, err error)) time.Duration {
	t.Helper()
	began, told, said := time.Now(), time.Now(), ""
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		waiting, err := done(ctx)
		if err == nil && waiting == "" {
			took := time.Since(began)
			t.Logf("%s: %.1f s", what, took.Seconds())
			return took
		}
		if err != nil {
			waiting = err.Error()
		}
		if waiting != said && time.Since(told) > 2*time.Second {
			t.Logf("%s: %s", what, waiting)
			told, said = time.Now(), waiting
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %v: %s", what, patience, waiting)
		}
	}
}

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// body reads an answer to its end.
func body(response *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return string(content), &refusal{response.StatusCode, string(content)}
	}
	return string(content), nil
}

// refusal is an answer of 400 or more.
type refusal struct {
	status int
	body   string
}

func (r *refusal) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.body) }

// statusOf is the status of a refusal, and 0 of any other error.
func statusOf(err error) int {
	var r *refusal
	if errors.As(err, &r) {
		return r.status
	}
	return 0
}
