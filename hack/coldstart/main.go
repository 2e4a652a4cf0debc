// Command coldstart measures what the first request after a rest costs on
// Knative: of hello, which does nothing, of the todo function, and of the page
// with its list. It deploys all of config/knative, unchanged, to a cluster of
// hack/cluster of its own, and sets the autoscaler's window to 10 s, so that
// rests are short.
//
// Each round has them side by side, and what is reported are medians: machines
// are noisy, and the ratios are what travels.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/todochat/todochat/hack/chromium"
	"github.com/todochat/todochat/hack/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	rounds := flag.Int("rounds", 11, "how often each is measured")
	keep := flag.Bool("keep", false, "leave the cluster up")
	flag.Parse()
	if err := run(ctx, *rounds, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "coldstart:", err)
		os.Exit(1)
	}
}

// bench is the deployed system.
type bench struct {
	*rig.Rig
	client *http.Client
	tab    *chromium.Tab
}

func run(ctx context.Context, rounds int, keep bool) (err error) {
	if os.Getenv("KUBECONFIG") != "" {
		return errors.New("unset KUBECONFIG: this measures a cluster of hack/cluster, which has the image of hello")
	}
	r, err := rig.Open(ctx, rig.Options{Root: ".", Name: "coldstart", Port: 26470, Say: say})
	if err != nil {
		return err
	}
	if !keep {
		defer func() { err = errors.Join(err, r.Close(context.WithoutCancel(ctx))) }()
	}
	b := &bench{Rig: r, client: r.Client()}
	if err := b.deploy(ctx); err != nil {
		return err
	}
	browser, err := chromium.Start(ctx, chromium.Options{Flags: map[string]any{
		"host-resolver-rules": "MAP *.example.com " + r.Ingress,
	}})
	if err != nil {
		return err
	}
	defer browser.Stop()
	if b.tab, err = browser.Open(chromium.Screen{Width: 1360, Height: 850}); err != nil {
		return err
	}
	if err := b.signUp(); err != nil {
		return fmt.Errorf("sign up: %w", err)
	}
	var all []round
	for i := range rounds {
		one, err := b.round(ctx, i%2 == 0)
		if err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		say(fmt.Sprintf("round %d: hello %.2f s, todo %.2f s, page %.2f s", i+1, one.hello.Seconds(), one.todo.answered.Seconds(), one.page.Seconds()))
		all = append(all, one)
	}
	fmt.Print(report(all))
	return nil
}

func say(line string) { fmt.Fprintln(os.Stderr, line) }

const (
	helloURL = "http://hello.default.example.com"
	todoURL  = "http://todo.todochat.example.com"
	pageHost = "frontend.todochat.example.com"
)

// deploy applies everything by the README's commands, and hello beside it. todo
// is opened to the ingress, as docs/deploy.md says, to be measured alone.
func (b *bench) deploy(ctx context.Context) error {
	for _, command := range []string{
		`kubectl -n knative-serving patch configmap config-autoscaler --type=merge -p '{"data":{"stable-window":"10s"}}'`,
		"go run ./hack/secrets | kubectl apply -f -",
		"go tool ko apply -Rf config/knative",
		"kubectl -n todochat wait --for=condition=Complete job/migrate --timeout=10m",
		"kubectl -n todochat label ksvc todo networking.knative.dev/visibility-",
		`kubectl apply -f - <<END
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: hello}
spec:
  template:
    spec:
      containers: [{image: $KO_DOCKER_REPO/hello}]
END`,
		"kubectl wait --for=condition=Ready ksvc --all --all-namespaces --timeout=5m",
	} {
		if _, err := b.Run(ctx, "", command); err != nil {
			return err
		}
	}
	return nil
}

// signUp makes an account with a few todos, and leaves the browser signed in.
func (b *bench) signUp() error {
	return b.tab.Steps(
		chromium.Going(b.URL(pageHost)),
		chromium.Clicking("[data-testid=to-sign-up]"),
		chromium.Typing("[name=name]", "Ada Lovelace"),
		chromium.Typing("[name=email]", "ada@example.com"),
		chromium.Typing("[name=password]", "correct horse battery"),
		chromium.Clicking("[data-testid=sign-up]"),
		chromium.Waiting("document.querySelector('[data-testid=list-total]')"),
		chromium.Typing("[data-testid=chat-input]", "add bread, cheese and olives\r"),
		chromium.Waiting("document.querySelectorAll('[data-testid=todo]').length === 3"),
		chromium.Going("about:blank"),
	)
}

// round is what one round took.
type round struct {
	hello time.Duration
	todo  phases
	page  time.Duration
}

// round measures hello first or todo first, since whoever comes first wakes what
// both need.
func (b *bench) round(ctx context.Context, helloFirst bool) (r round, err error) {
	if err := b.rest(ctx); err != nil {
		return r, err
	}
	measures := []func() error{
		func() (err error) { r.hello, err = b.first(ctx, helloURL); return err },
		func() (err error) { r.todo, err = b.firstOfTodo(ctx); return err },
	}
	if !helloFirst {
		slices.Reverse(measures)
	}
	for _, measure := range measures {
		if err := measure(); err != nil {
			return r, err
		}
	}
	if err := b.rest(ctx); err != nil {
		return r, err
	}
	began := time.Now()
	err = errors.Join(b.tab.Go(b.URL(pageHost)), b.tab.Wait("document.querySelectorAll('[data-testid=todo]').length === 3"))
	r.page = time.Since(began)
	return r, errors.Join(err, b.tab.Go("about:blank"))
}

// first sends a request by a connection of its own and reads the answer.
func (b *bench) first(ctx context.Context, address string) (time.Duration, error) {
	b.client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	response, err := b.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s %s %w", address, response.Status, body, err)
	}
	return time.Since(began), nil
}

// rest waits until no function has a pod but those that are ending, which do
// nothing for half a minute and then go.
func (b *bench) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		pods, err := b.Kube.CoreV1().Pods("").List(ctx, metav1.ListOptions{LabelSelector: "serving.knative.dev/service"})
		if err != nil {
			return err
		}
		var awake []string
		for _, pod := range pods.Items {
			if pod.DeletionTimestamp == nil {
				awake = append(awake, pod.Name)
			}
		}
		if len(awake) == 0 {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return fmt.Errorf("these pods do not rest: %s", strings.Join(awake, ", "))
		}
	}
}
