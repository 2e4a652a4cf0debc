// Package rig finds the cluster that a test or a benchmark deploys to: the one
// that KUBECONFIG names, or else one of hack/cluster that it starts itself.
package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	serving "knative.dev/serving/pkg/client/clientset/versioned"
)

// Rig is a cluster with Knative Serving.
type Rig struct {
	Kube    kubernetes.Interface
	Knative serving.Interface
	Own     bool   // it is ours to take down
	Ingress string // host:port to dial whatever a host name says; empty if names lead there by themselves

	env  []string // for the commands that users type
	root string   // of the repository
	say  func(string)
}

// Options say which cluster.
type Options struct {
	Root string // of the repository
	Name string // of the cluster that is started if KUBECONFIG is unset
	Port int    // of its API server on 127.0.0.1; those of the ingress and the registry follow it

	Eventing bool // with Knative Eventing, which a cluster of KUBECONFIG has already

	Say func(line string) // takes each line about progress
}

// Open finds the cluster, or starts one. Starting takes half a minute, and half
// an hour where it has never been compiled.
func Open(ctx context.Context, o Options) (_ *Rig, err error) {
	r := &Rig{env: os.Environ(), root: o.Root, say: o.Say}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close(context.WithoutCancel(ctx)))
		}
	}()
	if os.Getenv("KUBECONFIG") == "" {
		r.Own = true
		r.env = append(r.env, "CLUSTER_NAME="+o.Name, fmt.Sprintf("CLUSTER_API_PORT=%d", o.Port),
			fmt.Sprintf("CLUSTER_INGRESS_PORT=%d", o.Port+1), fmt.Sprintf("CLUSTER_REGISTRY_PORT=%d", o.Port+2))
		if err := r.start(ctx, o.Eventing); err != nil {
			return nil, err
		}
	}
	if r.Getenv("KO_DOCKER_REPO") == "" {
		return nil, errors.New("KO_DOCKER_REPO is not set: name a registry that this machine and the cluster reach (ko.local with minikube's docker-env)")
	}
	if given := r.Getenv("INGRESS_URL"); given != "" {
		u, err := url.Parse(given)
		if err != nil || u.Port() == "" {
			return nil, fmt.Errorf("INGRESS_URL: %q must look like http://host:port", given)
		}
		r.Ingress = u.Host
	}
	files := &clientcmd.ClientConfigLoadingRules{Precedence: filepath.SplitList(r.Getenv("KUBECONFIG"))}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(files, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read KUBECONFIG: %w", err)
	}
	config.QPS, config.Burst = 50, 100
	var err1, err2 error
	r.Kube, err1 = kubernetes.NewForConfig(config)
	r.Knative, err2 = serving.NewForConfig(config)
	return r, errors.Join(err1, err2)
}

func (r *Rig) start(ctx context.Context, eventing bool) error {
	commands := []string{"down", "up", "knative", "load"}
	if eventing {
		commands = append(commands, "eventing")
	}
	for _, command := range commands {
		if _, err := r.Run(ctx, "", "hack/cluster/cluster "+command); err != nil {
			return err
		}
	}
	env, err := r.Run(ctx, "", `eval "$(hack/cluster/cluster env)" && env -0`)
	r.env = strings.Split(strings.TrimSuffix(env, "\x00"), "\x00")
	return err
}

// Close takes the cluster down if it is ours.
func (r *Rig) Close(ctx context.Context) error {
	if !r.Own {
		return nil
	}
	_, err := r.Run(ctx, "", "hack/cluster/cluster down")
	return err
}

// Getenv is what the commands see.
func (r *Rig) Getenv(name string) string {
	for _, variable := range r.env {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

// Run runs a shell command as a user would, in the repository or another
// folder, and returns its standard output. Its error has the end of what the
// command said.
func (r *Rig) Run(ctx context.Context, folder, command string) (string, error) {
	if folder == "" {
		folder = r.root
	}
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", command)
	cmd.Dir, cmd.Env = folder, r.env
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	said := &listener{progress: r.say}
	cmd.Stdout, cmd.Stderr = &out, said
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s", command, err, strings.Join(said.last, "\n"))
	}
	return out.String(), nil
}

// listener passes lines about progress on, and keeps the last lines.
type listener struct {
	progress func(string)
	begun    []byte // a line without its end
	last     []string
}

func (l *listener) Write(p []byte) (int, error) {
	l.begun = append(l.begun, p...)
	for {
		line, rest, whole := bytes.Cut(l.begun, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		l.begun = rest
		text := string(line)
		if strings.HasPrefix(text, "cluster: ") {
			l.progress(text)
		}
		l.last = append(l.last, text)
		l.last = l.last[max(0, len(l.last)-30):]
	}
}

// Client returns a client that reaches the ingress by any host name.
func (r *Rig) Client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 100
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if r.Ingress != "" {
			address = r.Ingress
		}
		return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, address)
	}
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// URL is the address at which people reach a host of the ingress.
func (r *Rig) URL(host string) string {
	if _, port, ok := strings.Cut(r.Ingress, ":"); ok {
		host += ":" + port
	}
	return "http://" + host
}
