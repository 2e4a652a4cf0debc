//go:build e2e

package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

const apply = "go tool ko apply -Rf config/knative"

// shell finds the blocks of commands in a document.
var shell = regexp.MustCompile("(?s)```sh\n(.*?)```")

// commands returns the README's block that contains a command.
func commands(t *testing.T, containing string) string {
	t.Helper()
	for _, block := range shell.FindAllStringSubmatch(read(t, "README.md"), -1) {
		if strings.Contains(block[1], containing) {
			return block[1]
		}
	}
	t.Fatalf("README.md has no commands with %s", containing)
	return ""
}

// deploy runs the README's commands as they stand, but for the registry, which
// is that of this cluster.
func deploy(t *testing.T, s *system) {
	block := commands(t, apply)
	if !strings.Contains(block, "export KO_DOCKER_REPO=") {
		t.Fatal("README.md does not name a registry")
	}
	block = regexp.MustCompile(`(?m)^export KO_DOCKER_REPO=.*\n`).ReplaceAllString(block, "")
	began := time.Now()
	t.Logf("\n%s", s.run(t, block))
	s.waitReady(t)
	t.Logf("everything is ready %.0f s after the first command", time.Since(began).Seconds())

	frontend, err := s.Knative.ServingV1().Services(namespace).Get(t.Context(), "frontend", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.url = s.URL(frontend.Status.URL.Host)
	t.Logf("the frontend is at %s", s.url)
	for _, private := range []string{"todo", "chat"} {
		service, err := s.Knative.ServingV1().Services(namespace).Get(t.Context(), private, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(service.Status.URL.Host, ".svc.cluster.local") {
			t.Errorf("%s is at %s, want no address outside the cluster", private, service.Status.URL)
		}
	}
	// Kubernetes may take a second to send traffic to a pod that is ready.
	until(t, "the health of all parts", time.Minute, func(ctx context.Context) (string, error) {
		for _, path := range []string{"/api/health", "/api/health/todo", "/api/health/chat"} {
			var health struct {
				Status string `json:"status"`
			}
			if err := (&user{s: s}).call(ctx, "GET", path, nil, &health); err != nil {
				return "", err
			}
			if health.Status != "ok" {
				return fmt.Sprintf("%s says %q", path, health.Status), nil
			}
		}
		return "", nil
	})
}

// waitReady waits until all that was applied is up: the Knative Services as
// they are now described, the database, Ollama, and no job that still works.
func (s *system) waitReady(t *testing.T) {
	t.Helper()
	until(t, "all is ready", 5*time.Minute, func(ctx context.Context) (string, error) {
		var waiting []string
		services, err := s.Knative.ServingV1().Services(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return "", err
		}
		if len(services.Items) != len(functions) {
			waiting = append(waiting, fmt.Sprintf("%d Knative Services", len(services.Items)))
		}
		for _, service := range services.Items {
			if !ready(&service) {
				waiting = append(waiting, service.Name)
			}
		}
		database, err := s.Kube.AppsV1().StatefulSets(namespace).Get(ctx, "postgres", metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		if database.Status.ReadyReplicas != 1 {
			waiting = append(waiting, "postgres")
		}
		ollama, err := s.Kube.AppsV1().Deployments(namespace).Get(ctx, "ollama", metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		if ollama.Status.ReadyReplicas != 1 {
			waiting = append(waiting, "ollama")
		}
		jobs, err := s.Kube.BatchV1().Jobs(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return "", err
		}
		for _, job := range jobs.Items {
			if failed(job) {
				t.Fatalf("the job %s has failed", job.Name)
			}
			if job.Status.Succeeded == 0 {
				waiting = append(waiting, "job "+job.Name)
			}
		}
		return strings.Join(waiting, ", "), nil
	})
}

// ready says that a Knative Service is as its manifest says now.
func ready(service *servingv1.Service) bool {
	return service.IsReady() && service.Status.ObservedGeneration == service.Generation
}

func failed(job batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue
	})
}

func dryRun(t *testing.T, s *system) {
	said := s.run(t, "go tool ko resolve -Rf config/knative | kubectl apply --dry-run=server -f -")
	files := strings.Fields(s.run(t, "ls config/knative/*.yaml"))
	if got := strings.Count(said, "(server dry run)"); got != len(files) {
		t.Errorf("%d objects were accepted, want one for each of %d files:\n%s", got, len(files), said)
	}
}

// applyAgain applies a second time at once. Only a job that has finished, and
// was removed since, may be made anew.
func applyAgain(t *testing.T, s *system) {
	before := s.versions(t)
	s.run(t, apply)
	after := s.versions(t)
	if len(before) < 15 {
		t.Fatalf("only %d objects were found: %v", len(before), before)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("applying again changes objects (-before +after):\n%s", diff)
	}
	s.waitReady(t)
}

// versions are the generations of all objects that we apply but jobs, which count
// the changes of what is wanted, with a hash of what has none: data and labels.
func (s *system) versions(t *testing.T) map[string]string {
	t.Helper()
	out := s.run(t, "kubectl -n todochat get ksvc,configurations,revisions,statefulsets,deployments,services,networkpolicies,persistentvolumeclaims,configmaps,secrets,cronjobs "+
		`-o go-template='{{range .items}}{{.kind}} {{.metadata.name}}={{.metadata.generation}} {{.metadata.labels}} {{.data}}{{"\n"}}{{end}}'`)
	versions := map[string]string{}
	for line := range strings.Lines(out) {
		name, version, _ := strings.Cut(strings.TrimSpace(line), "=")
		generation, data, _ := strings.Cut(version, " ") // data may be secret
		versions[name] = fmt.Sprintf("%s %x", generation, sha256.Sum256([]byte(data)))
	}
	return versions
}

// refuseRoot tries what the namespace must not allow.
func refuseRoot(t *testing.T, s *system) {
	postgres, err := s.Kube.CoreV1().Pods(namespace).Get(t.Context(), "postgres-0", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "root"}, Spec: postgres.Spec}
	create := func() error {
		_, err := s.Kube.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	if err := create(); err != nil {
		t.Fatalf("a pod like the database's: %v", err)
	}
	pod.Spec.SecurityContext.RunAsUser = new(int64)
	if err := create(); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "runAsUser=0") {
		t.Errorf("the same as root: %v, want it refused by the restricted profile", err)
	}
}
