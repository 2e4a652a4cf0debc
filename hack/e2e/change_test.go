//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

// update changes the code of all programs and the schema, and runs the same
// command again, under load.
func update(t *testing.T, s *system) {
	changed := s.changedCopy(t)
	before := map[string]string{}
	for _, function := range functions {
		before[function] = s.latest(t, function)
	}
	s.run(t, documented(t, waitJobGone))
	l := s.startLoad(t)
	s.runIn(t, changed, apply)
	s.waitReady(t)
	for _, function := range functions {
		if s.latest(t, function) == before[function] {
			t.Errorf("%s still has %s as its newest revision", function, before[function])
		}
	}
	// The load goes on until the pods of the earlier revisions have gone.
	until(t, "the earlier revisions have no pods", 3*time.Minute, func(ctx context.Context) (string, error) {
		var waiting []string
		for _, function := range functions {
			pods, err := s.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "serving.knative.dev/revision=" + before[function]})
			if err != nil {
				return "", err
			}
			if len(pods.Items) > 0 {
				waiting = append(waiting, before[function])
			}
		}
		return strings.Join(waiting, ", "), nil
	})
	l.end(t)
	if out := s.sql(t, "select count(*) from todo.e2e_marker"); strings.TrimSpace(out) != "0" {
		t.Errorf("the table of the new migration: %q", out)
	}
}

// copyCheckout is a copy of what git knows.
func (s *system) copyCheckout(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	s.run(t, "git ls-files -z --cached --others --exclude-standard --deduplicate | xargs -0 cp --parents --target-directory "+folder)
	return folder
}

// changedCopy is a copy of the repository in which every program differs, and
// in which there is one more migration.
func (s *system) changedCopy(t *testing.T) string {
	t.Helper()
	folder := s.copyCheckout(t)
	for _, program := range []string{"functions/todo", "functions/chat", "functions/migrate", "frontend"} {
		write(t, filepath.Join(folder, program, "changed.go"), `package main

import "log/slog"

func init() { slog.Debug("this program is another one") }
`)
	}
	migrations := filepath.Join(folder, "internal/postgres/migrations")
	known, err := filepath.Glob(migrations + "/*.sql")
	if err != nil || len(known) == 0 {
		t.Fatalf("migrations: %v, %v", known, err)
	}
	write(t, filepath.Join(migrations, fmt.Sprintf("%03d_marker.sql", len(known)+1)), "create table todo.e2e_marker (id int);\n")
	return folder
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	// A job's template cannot change while it is there.
	waitJobGone  = "kubectl -n todochat wait --for=delete job/migrate --timeout=2m"
	waitMigrated = "kubectl -n todochat wait --for=condition=Complete job/migrate --timeout=10m"
)

// rollBack sends all traffic to the revision before, by the command of
// docs/deploy.md, and then applies again.
func rollBack(t *testing.T, s *system) {
	newest := s.latest(t, "todo")
	revisions, err := s.Knative.ServingV1().Revisions(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "serving.knative.dev/service=todo"})
	if err != nil {
		t.Fatal(err)
	}
	earlier := ""
	for _, r := range revisions.Items {
		if r.Name != newest {
			earlier = r.Name
		}
	}
	if earlier == "" {
		t.Fatal("there is no earlier revision")
	}
	serves := func(what string, name func(*servingv1.Service) string) {
		t.Helper()
		until(t, what+" serves", 2*time.Minute, func(ctx context.Context) (string, error) {
			service, err := s.Knative.ServingV1().Services(namespace).Get(ctx, "todo", metav1.GetOptions{})
			if err != nil {
				return "", err
			}
			if traffic := service.Status.Traffic; !ready(service) || len(traffic) != 1 || traffic[0].RevisionName != name(service) {
				return "not yet", nil
			}
			return "", nil
		})
	}
	command := "kubectl -n todochat patch ksvc todo --type=merge -p '{\"spec\":{\"traffic\":[{\"revisionName\":\"todo-00001\",\"percent\":100}]}}'"
	if !strings.Contains(read(t, "docs/deploy.md"), command) {
		t.Fatalf("docs/deploy.md does not say how to roll back: %s", command)
	}
	s.run(t, strings.ReplaceAll(command, "todo-00001", earlier))
	serves(earlier, func(*servingv1.Service) string { return earlier })
	u := s.signUp(t)
	if _, err := u.add(t.Context(), "by the earlier code", "earlier"); err != nil {
		t.Fatal(err)
	}

	s.run(t, apply)
	serves("the newest", func(service *servingv1.Service) string { return service.Status.LatestReadyRevisionName })
	s.waitReady(t) // the migrate job, too, whose schema is older than the database's
	u.checkTitles(t, []string{"by the earlier code"})
}
