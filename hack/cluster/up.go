package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
	"time"
)

//go:embed config
var config embed.FS

// render fills a file of config/ in.
func (c cluster) render(name string, images map[string]string) ([]byte, error) {
	t, err := template.New("").Option("missingkey=error").ParseFS(config, "config/"+name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.ExecuteTemplate(&out, name, map[string]any{
		"Name":          c.name,
		"Domain":        c.domain,
		"Registry":      loopback(c.registry),
		"Images":        images,
		"PodNetwork":    podNetwork,
		"DNSService":    dnsService,
		"IngressPort":   ingressPort,
		"NodeAddress":   nodeAddress,
		"ModelRegistry": modelRegistry,
	})
	return out.Bytes(), err
}

// up starts the node and returns when it is ready.
func (c cluster) up(ctx context.Context) error {
	begin := time.Now()
	if p, ok := c.running(); ok {
		say("%s runs already, as process %d", c.name, p.pid)
		return c.ready(ctx)
	}
	if err := c.build(ctx, []string{"kubernetes", "coredns", "programs"}); err != nil {
		return err
	}
	// What a node leaves that was killed, or that did not start.
	if err := c.remove(); err != nil {
		return err
	}
	if err := c.prepare(); err != nil {
		return fmt.Errorf("prepare the node: %w", err)
	}
	if err := c.start(); err != nil {
		return fmt.Errorf("start the node: %w", err)
	}
	if err := c.ready(ctx); err != nil {
		return fmt.Errorf("%w (the logs are in %s)", err, c.log(""))
	}
	say("%s: %s is up: a node with Kubernetes %s", elapsed(begin), c.name, kubernetesVersion)
	return nil
}

// prepare writes what the node is started with.
func (c cluster) prepare() error {
	for _, dir := range []string{c.etc("cni"), c.etc("certs.d/_default"), c.log(""), c.varLib(), c.bin()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for to, from := range map[string]string{
		"containerd.toml":             "containerd.toml",
		"certs.d/_default/hosts.toml": "hosts.toml",
		"cni/10-pods.conflist":        "network.conflist",
		"kubelet.yaml":                "kubelet.yaml",
		"kube-proxy.yaml":             "kube-proxy.yaml",
	} {
		content, err := c.render(from, nil)
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.etc(to), content, 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.etc("resolv.conf"), nil, 0o644); err != nil {
		return err
	}
	if err := os.Symlink(c.program("kubernetes", "kubectl"), filepath.Join(c.bin(), "kubectl")); err != nil {
		return err
	}
	return c.identities()
}

// start starts the node's first process in its namespaces, with the sockets by
// which it is reached.
func (c cluster) start() error {
	logs, err := os.Create(c.log("node.log"))
	if err != nil {
		return err
	}
	defer logs.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, insideNode)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	cmd.Stdout, cmd.Stderr = logs, logs
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Setsid: true}
	for _, port := range []int{c.api, c.ingress, c.registry} { // as apiSocket and the others count
		l, err := net.Listen("tcp", loopback(port))
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("port %d is in use: choose another with CLUSTER_API_PORT, CLUSTER_INGRESS_PORT or CLUSTER_REGISTRY_PORT", port)
		}
		if err != nil {
			return err
		}
		defer l.Close()
		file, err := l.(*net.TCPListener).File()
		if err != nil {
			return err
		}
		defer file.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // it outlives this command; if it does not, running sees it
	return os.WriteFile(c.processFile(), fmt.Appendln(nil, cmd.Process.Pid, started(cmd.Process.Pid)), 0o644)
}

// ready makes a started node usable: its images, its name server, its volumes.
func (c cluster) ready(ctx context.Context) error {
	alive := func() error {
		if _, ok := c.running(); ok {
			return nil
		}
		logs, _ := os.ReadFile(c.log("node.log"))
		return fmt.Errorf("the node has ended: %s", bytes.TrimSpace(logs))
	}
	client := &http.Client{Timeout: 2 * time.Second}
	err := await(ctx, "the registry", time.Second/10, time.Minute, func() (string, bool, error) {
		if err := alive(); err != nil {
			return "", false, err
		}
		response, err := client.Get("http://" + loopback(c.registry) + "/v2/")
		if err != nil {
			return err.Error(), false, nil
		}
		response.Body.Close()
		return response.Status, response.StatusCode == http.StatusOK, nil
	})
	if err != nil {
		return err
	}
	published, err := c.publish(ctx, c.nodeImages())
	if err != nil {
		return err
	}
	err = await(ctx, "the API server", time.Second/10, 2*time.Minute, func() (string, bool, error) {
		if err := alive(); err != nil {
			return "", false, err
		}
		return apiReady("https://"+loopback(c.api), c.etc("ca.crt"))
	})
	if err != nil {
		return err
	}
	for _, name := range []string{"storage.yaml", "coredns.yaml"} {
		manifest, err := c.render(name, published)
		if err != nil {
			return err
		}
		if err := c.apply(ctx, manifest); err != nil {
			return err
		}
	}
	return c.available(ctx)
}

// available waits for the node and all deployments.
func (c cluster) available(ctx context.Context) error {
	return await(ctx, "the node and its deployments", time.Second/2, 5*time.Minute, func() (string, bool, error) {
		if _, ok := c.running(); !ok {
			return "", false, errors.New("the node has ended")
		}
		out, err := c.kubectl(ctx, nil, "get", "nodes,deployments", "--all-namespaces", "-o", "json")
		if err != nil {
			return err.Error(), false, nil
		}
		waiting, nodes, err := unready(out)
		return strings.Join(waiting, " "), nodes > 0 && len(waiting) == 0, err
	})
}

// unready reads a list of nodes and deployments: how many nodes there are, and
// which of all are not ready as they are now described.
func unready(list []byte) (waiting []string, nodes int, err error) {
	var all struct {
		Items []struct {
			Kind     string
			Metadata struct {
				Name       string
				Generation int64
			}
			Status struct {
				ObservedGeneration int64
				Conditions         []struct{ Type, Status string }
			}
		}
	}
	if err := json.Unmarshal(list, &all); err != nil {
		return nil, 0, err
	}
	for _, item := range all.Items {
		ready := false
		for _, condition := range item.Status.Conditions {
			ready = ready || condition.Status == "True" && (condition.Type == "Ready" || condition.Type == "Available")
		}
		if item.Kind == "Node" {
			nodes++
		} else if item.Status.ObservedGeneration < item.Metadata.Generation {
			ready = false
		}
		if !ready {
			waiting = append(waiting, item.Metadata.Name)
		}
	}
	return waiting, nodes, nil
}

// kubectl runs kubectl on the cluster.
func (c cluster) kubectl(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin(), "kubectl"), append([]string{"--kubeconfig=" + c.kubeconfig()}, args...)...)
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("kubectl %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}

// apply applies a manifest; what is there already and the same stays as it is.
func (c cluster) apply(ctx context.Context, manifest []byte) error {
	_, err := c.kubectl(ctx, manifest, "apply", "--server-side", "--force-conflicts", "-f", "-")
	return err
}

// trusting is a client that knows the cluster's authority and nobody else.
func trusting(authority string) (*http.Client, error) {
	content, err := os.ReadFile(authority)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(content)
	return &http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
	}, nil
}

// down ends the node and removes all that it had.
func (c cluster) down(ctx context.Context) error {
	begin := time.Now()
	p, up := c.running()
	if up {
		// Not another signal: whatever it is doing, the kernel ends it and all
		// that runs in the node, and unmounts and removes what they had.
		if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("end the node (process %d): %w", p.pid, err)
		}
		err := await(ctx, "the node's processes to end", time.Second/10, time.Minute, func() (string, bool, error) {
			_, up := c.running()
			return "", !up, nil
		})
		if err != nil {
			return err
		}
	}
	if err := c.remove(); err != nil {
		return err
	}
	if up {
		say("%s: %s is down", elapsed(begin), c.name)
	} else {
		say("%s is not up", c.name)
	}
	return nil
}

// remove removes what is left of a node that has ended.
func (c cluster) remove() error {
	return errors.Join(c.removeCgroups(), os.RemoveAll(c.home), c.prune())
}

var errDown = errors.New("not up")

// status says what runs.
func (c cluster) status(ctx context.Context) error {
	p, ok := c.running()
	if !ok {
		fmt.Printf("%s is not up\n", c.name)
		return errDown
	}
	fmt.Printf("%s is up, as process %d\n", c.name, p.pid)
	fmt.Printf("  API server  https://%s\n  ingress     http://%s, for hosts in %s\n  registry    %s\n  logs        %s\n",
		loopback(c.api), loopback(c.ingress), c.domain, loopback(c.registry), c.log(""))
	out, err := c.kubectl(ctx, nil, "get", "nodes,deployments,statefulsets", "--all-namespaces")
	if err != nil {
		return err
	}
	fmt.Printf("\n%s", out)
	return nil
}
