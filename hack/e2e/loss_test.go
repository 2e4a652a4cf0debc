//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/todochat/todochat/internal/intentmodel"
)

// deletePods takes the pods of all functions away at once, under load: each
// gets SIGTERM and answers what it has accepted.
func deletePods(t *testing.T, s *system) {
	l := s.startLoad(t)
	l.answered(t, 2*perSecond)
	pods := s.Kube.CoreV1().Pods(namespace)
	old, err := pods.List(t.Context(), metav1.ListOptions{LabelSelector: "serving.knative.dev/service"})
	if err != nil {
		t.Fatal(err)
	}
	if len(old.Items) < len(functions) {
		t.Fatalf("there are only %d pods", len(old.Items))
	}
	for _, pod := range old.Items {
		if err := pods.Delete(t.Context(), pod.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	until(t, fmt.Sprintf("%d pods are gone", len(old.Items)), time.Minute, func(ctx context.Context) (string, error) {
		for _, pod := range old.Items {
			if _, err := pods.Get(ctx, pod.Name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				return pod.Name, err
			}
		}
		return "", nil
	})
	l.answered(t, 2*perSecond)
	l.end(t)
}

// deleteDatabasePod takes the database away while people add todos. They see
// 503 and repeat what they asked, with the same key.
func deleteDatabasePod(t *testing.T, s *system) {
	u := s.signUp(t)
	var (
		mu    sync.Mutex
		added []string
		all   sync.WaitGroup
	)
	ctx, stop := context.WithCancel(t.Context())
	giveUp, cancel := context.WithCancel(t.Context())
	defer func() { stop(); cancel(); all.Wait() }()
	for writer := range 4 {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				title := fmt.Sprintf("todo %d of writer %d", i, writer)
				err := patient(giveUp, 2*time.Minute, func(ctx context.Context) error {
					_, err := u.add(ctx, title, fmt.Sprintf("%d-%d", writer, i))
					return err
				})
				if giveUp.Err() != nil {
					return
				}
				if err != nil {
					t.Errorf("%s: %v", title, err)
					return
				}
				mu.Lock()
				added = append(added, title)
				mu.Unlock()
			}
		})
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(added) }
	enough := func(more int) {
		t.Helper()
		until(t, fmt.Sprintf("%d more todos", more), time.Minute, atLeast(count, more))
	}
	enough(50)
	pods := s.Kube.CoreV1().Pods(namespace)
	old, err := pods.Get(t.Context(), "postgres-0", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := pods.Delete(t.Context(), "postgres-0", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until(t, "another pod of the database", 2*time.Minute, func(ctx context.Context) (string, error) {
		pod, err := pods.Get(ctx, "postgres-0", metav1.GetOptions{})
		if err == nil && pod.UID == old.UID {
			return "the old one is there", nil
		}
		return "", err
	})
	enough(50)
	stop()
	all.Wait()
	u.checkTitles(t, added)
}

// readByIntentModel talks to the assistant as it is by default: chat itself has
// given Ollama the intent model. Then Ollama goes, and comes back without it.
func readByIntentModel(t *testing.T, s *system) {
	s.converse(t)
	s.scaleOllama(t, 0)
	u := s.signUp(t)
	answer, err := u.say(t.Context(), "add buy bread")
	if err != nil || len(answer.Actions) != 1 || answer.Interpreter != "rules" || !strings.Contains(answer.Reply, "simple rules") {
		t.Errorf("a message without Ollama: %+v, %v", answer, err)
	}
	s.scaleOllama(t, 1)
	s.converse(t)
	s.run(t, "kubectl -n todochat exec deploy/ollama -- ollama rm "+intentmodel.Name+":"+intentmodel.Digest()[:12])
	s.converse(t)
}

// converse has a conversation in which the intent model reads every message.
func (s *system) converse(t *testing.T) {
	t.Helper()
	u := s.signUp(t)
	until(t, "the intent model reads messages", 2*time.Minute, func(ctx context.Context) (string, error) {
		answer, err := u.say(ctx, "hello")
		if err != nil || answer.Interpreter == "intent" {
			return "", err
		}
		return "the reader is " + answer.Interpreter, nil
	})
	if models := s.models(t); !strings.Contains(models, intentmodel.Name) {
		t.Errorf("Ollama has %s, want the intent model there", models)
	}
	conversation := ""
	for _, turn := range []struct{ say, op, title string }{
		{"could you put buy oat milk on my list for friday please", "create", "buy oat milk"},
		{"add water the plants, it's urgent", "create", "water the plants"},
		{"i've bought the oat milk, tick it off", "complete", "buy oat milk"},
		{"oops, undo that", "undo", "buy oat milk"},
		{"please get rid of the plants one", "delete", "water the plants"},
	} {
		answer, err := u.goOn(t.Context(), conversation, turn.say)
		conversation = answer.ConversationID
		if err != nil || len(answer.Actions) != 1 || answer.Actions[0].Op != turn.op || answer.Actions[0].Todo.Title != turn.title || answer.Interpreter != "intent" {
			t.Errorf("%q: %+v, %v, want %s of %q by the intent model", turn.say, answer, err, turn.op, turn.title)
		}
	}
}

// askModel makes the model that the pull-model job has fetched the assistant's
// interpreter, as docs/deploy.md says, and talks to it.
func askModel(t *testing.T, s *system) {
	folder := s.copyCheckout(t)
	s.runIn(t, folder, "sed -i 's/INTERPRETER: auto/INTERPRETER: ollama:llama3.2:3b/' config/knative/201-config-chat.yaml")
	s.runIn(t, folder, documented(t, apply))
	s.run(t, documented(t, "kubectl -n todochat delete pods -l serving.knative.dev/service=chat"))
	s.askOllama(t)
}

// askOllama sends messages until Ollama's log shows that it answered one. What
// the model makes of it is not this test's matter: on a cluster of hack/cluster
// it knows nothing.
func (s *system) askOllama(t *testing.T) {
	t.Helper()
	u := s.signUp(t)
	until(t, "Ollama answers chat", 2*time.Minute, func(ctx context.Context) (string, error) {
		answer, err := u.say(ctx, "add buy milk")
		if err != nil {
			return "", err
		}
		if answer.Reply == "" {
			t.Fatalf("chat answers nothing: %+v", answer)
		}
		log, err := s.ollamaLog(ctx)
		if err != nil {
			return "", err
		}
		for line := range strings.Lines(log) {
			if strings.Contains(line, "| 200 |") && strings.Contains(line, `"/api/chat"`) {
				t.Logf("chat says %q (%s); Ollama's log: %s", answer.Reply, answer.Interpreter, strings.TrimSpace(line))
				return "", nil
			}
		}
		return "its log shows no answer", nil
	})
}

func (s *system) ollamaLog(ctx context.Context) (string, error) {
	pods, err := s.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=ollama"})
	if err != nil {
		return "", err
	}
	if len(pods.Items) != 1 {
		return "", fmt.Errorf("there are %d pods of Ollama", len(pods.Items))
	}
	log, err := s.Kube.CoreV1().Pods(namespace).GetLogs(pods.Items[0].Name, &corev1.PodLogOptions{}).DoRaw(ctx)
	return string(log), err
}

// deleteOllamaPod takes Ollama away; the next pod has the models of the volume.
func deleteOllamaPod(t *testing.T, s *system) {
	before := s.models(t)
	if !strings.Contains(before, "llama3.2:3b") {
		t.Fatalf("Ollama lacks the model that was pulled: %s", before)
	}
	// Without any, plain messages are answered.
	s.scaleOllama(t, 0)
	u := s.signUp(t)
	answer, err := u.say(t.Context(), "add buy bread")
	if err != nil || len(answer.Actions) != 1 || answer.Interpreter != "rules" {
		t.Errorf("a message without Ollama: %+v, %v", answer, err)
	}
	s.scaleOllama(t, 1)
	if after := s.models(t); after != before {
		t.Errorf("the models were %s, and are %s", before, after)
	}
	s.askOllama(t)
}

// scaleOllama waits until so many pods of Ollama serve, and no other is there.
func (s *system) scaleOllama(t *testing.T, want int) {
	t.Helper()
	s.run(t, fmt.Sprintf("kubectl -n todochat scale deployment ollama --replicas=%d", want))
	until(t, fmt.Sprintf("%d pods of Ollama", want), 2*time.Minute, func(ctx context.Context) (string, error) {
		pods, err := s.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=ollama"})
		if err != nil {
			return "", err
		}
		ollama, err := s.Kube.AppsV1().Deployments(namespace).Get(ctx, "ollama", metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		if len(pods.Items) != want || int(ollama.Status.ReadyReplicas) != want {
			return fmt.Sprintf("there are %d, %d of them ready", len(pods.Items), ollama.Status.ReadyReplicas), nil
		}
		return "", nil
	})
}

// models asks Ollama for its models, through the API server.
func (s *system) models(t *testing.T) string {
	t.Helper()
	out, err := s.Kube.CoreV1().Services(namespace).ProxyGet("http", "ollama", "http", "/api/tags", nil).DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// sql asks the database.
func (s *system) sql(t *testing.T, query string) string {
	t.Helper()
	return s.run(t, fmt.Sprintf("kubectl -n todochat exec postgres-0 -- psql -U postgres -d todochat -Atc %q", query))
}

// documented is a command that docs/deploy.md has on a line of its own.
func documented(t *testing.T, command string) string {
	t.Helper()
	if !strings.Contains(read(t, "docs/deploy.md"), "\n"+command+"\n") {
		t.Fatalf("docs/deploy.md does not say: %s", command)
	}
	return command
}

// restore loses the whole database, volume included, and restores a backup, by
// the commands of docs/deploy.md.
func restore(t *testing.T, s *system) {
	u := s.signUp(t)
	if _, err := u.say(t.Context(), "add buy milk"); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	s.runIn(t, folder, documented(t, "kubectl -n todochat exec postgres-0 -- pg_dump -U postgres --format=custom todochat > todochat.dump"))
	if _, err := u.add(t.Context(), "after the backup", "later"); err != nil {
		t.Fatal(err)
	}

	s.run(t, "kubectl -n todochat delete statefulset postgres && kubectl -n todochat delete persistentvolumeclaim data-postgres-0")
	s.run(t, documented(t, waitJobGone))
	s.run(t, documented(t, apply))
	s.run(t, documented(t, waitMigrated))
	s.waitReady(t)
	err := patient(t.Context(), time.Minute, func(ctx context.Context) error {
		_, err := u.titles(ctx)
		return err
	})
	if statusOf(err) != http.StatusUnauthorized {
		t.Errorf("on an empty database: %v, want 401: nobody has an account", err)
	}
	s.runIn(t, folder, documented(t, "kubectl -n todochat exec -i postgres-0 -- pg_restore -U postgres --dbname=todochat --clean --if-exists --single-transaction < todochat.dump"))
	s.run(t, documented(t, "kubectl -n todochat delete pods -l serving.knative.dev/service"))
	err = patient(t.Context(), time.Minute, func(ctx context.Context) error {
		_, err := u.titles(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	u.checkTitles(t, []string{"buy milk"})
	answer, err := u.say(t.Context(), "mark 1 done")
	if err != nil || len(answer.Actions) != 1 || answer.Actions[0].Todo.Title != "buy milk" {
		t.Errorf("the assistant after the restore: %+v, %v", answer, err)
	}
}
