package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// node is the life of the node's first process: everything else in the node is
// its child and ends with it, since the kernel ends a pid namespace with its
// first process.
//
// It is started in new namespaces, with the sockets that listen on this
// machine's loopback address already open (see up.go). Those keep belonging to
// the machine's network; what it dials belongs to the node's. That is all there
// is to forwarding: no address, route or link of the node is seen outside.
func (c cluster) node(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return c.enter() // comes back here, with an argument
	}
	if err := c.furnish(); err != nil {
		return err
	}
	if err := c.listen(); err != nil {
		return err
	}

	kubernetes := c.program("kubernetes", "kubernetes")
	s := newSupervisor()
	s.keep("containerd", "/usr/bin/containerd", "--config=/run/node/containerd.toml")
	s.keep("etcd", kubernetes, "etcd", "--data-dir=/var/lib/etcd", "--unsafe-no-fsync",
		"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380")
	s.keep("apiserver", kubernetes, "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379",
		"--advertise-address="+nodeAddress, fmt.Sprintf("--secure-port=%d", apiPort), "--service-cluster-ip-range="+services,
		"--tls-cert-file=/run/node/apiserver.crt", "--tls-private-key-file=/run/node/apiserver.key", "--client-ca-file=/run/node/ca.crt",
		"--kubelet-client-certificate=/run/node/to-kubelet.crt", "--kubelet-client-key=/run/node/to-kubelet.key",
		"--kubelet-certificate-authority=/run/node/ca.crt", "--kubelet-preferred-address-types=InternalIP,Hostname",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=/run/node/accounts.pub", "--service-account-signing-key-file=/run/node/accounts.key",
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true")

	server := fmt.Sprintf("https://%s:%d", nodeAddress, apiPort)
	err := await(ctx, "the API server", time.Second/10, 2*time.Minute, func() (string, bool, error) { return apiReady(server, "/run/node/ca.crt") })
	if err != nil {
		return err
	}
	const access = "--kubeconfig=/run/node/node.kubeconfig"
	s.keep("controller-manager", kubernetes, "kube-controller-manager", access, "--leader-elect=false",
		"--service-account-private-key-file=/run/node/accounts.key", "--root-ca-file=/run/node/ca.crt",
		"--cluster-signing-cert-file=/run/node/ca.crt", "--cluster-signing-key-file=/run/node/ca.key",
		"--use-service-account-credentials=true", "--allocate-node-cidrs=false")
	s.keep("scheduler", kubernetes, "kube-scheduler", access, "--leader-elect=false")
	s.keep("kubelet", kubernetes, "kubelet", "--config=/run/node/kubelet.yaml", "--kubeconfig=/run/node/kubelet.kubeconfig",
		"--hostname-override="+c.name, "--node-ip="+nodeAddress)
	s.keep("proxy", kubernetes, "kube-proxy", "--config=/run/node/kube-proxy.yaml")
	s.keep("volumes", kubernetes, "volumes", access, "--node="+c.name, "--directory=/var/lib/volumes")
	<-ctx.Done()
	return nil // and everything ends with us
}

// apiReady asks whether the API server serves.
func apiReady(server, authority string) (string, bool, error) {
	client, err := trusting(authority)
	if err != nil {
		return "", false, err
	}
	defer client.CloseIdleConnections()
	response, err := client.Get(server + "/readyz")
	if err != nil {
		return err.Error(), false, nil
	}
	defer response.Body.Close()
	return response.Status, response.StatusCode == http.StatusOK, nil
}

// The sockets that the node inherits, in the order of their descriptors.
const (
	apiSocket = iota + 3
	ingressSocket
	registrySocket
)

// listen serves what this machine's loopback address leads to.
func (c cluster) listen() error {
	inherited := func(descriptor uintptr, name string) (net.Listener, error) {
		file := os.NewFile(descriptor, name)
		defer file.Close()
		return net.FileListener(file)
	}
	api, err1 := inherited(apiSocket, "api")
	ingress, err2 := inherited(ingressSocket, "ingress")
	outer, err3 := inherited(registrySocket, "registry")
	inner, err4 := net.Listen("tcp", loopback(c.registry))
	logs, err5 := os.OpenFile("/var/log/registry.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	err6 := os.MkdirAll("/var/lib/registry", 0o755)
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	go forward(api, fmt.Sprintf("%s:%d", nodeAddress, apiPort))
	go forward(ingress, fmt.Sprintf("%s:%d", nodeAddress, ingressPort))

	images := registry.New(registry.Logger(log.New(logs, "", log.LstdFlags)),
		registry.WithBlobHandler(registry.NewDiskBlobHandler("/var/lib/registry")))
	for _, l := range []net.Listener{outer, inner} {
		go func() { log.Fatalln("registry:", http.Serve(l, images)) }()
	}
	return serveModels(images)
}

// forward passes each connection on to an address inside.
func forward(l net.Listener, to string) {
	for {
		outside, err := l.Accept()
		if err != nil {
			log.Fatalln("forward:", err)
		}
		go func() {
			defer outside.Close()
			inside, err := net.DialTimeout("tcp", to, 10*time.Second)
			if err != nil {
				return // refused there, so closed here
			}
			defer inside.Close()
			var both sync.WaitGroup
			both.Go(func() { pipe(inside, outside) })
			both.Go(func() { pipe(outside, inside) })
			both.Wait()
		}()
	}
}

// pipe copies until the end of one direction, and says that it has ended.
func pipe(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(*net.TCPConn); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
	_ = from.Close()
}

// supervisor runs the node's programs. As the first process it also inherits
// orphans, and waits for every process there is; so it does not use os/exec,
// which waits by itself.
type supervisor struct {
	mu    sync.Mutex
	exits map[int]chan syscall.WaitStatus
}

func newSupervisor() *supervisor {
	s := &supervisor{exits: map[int]chan syscall.WaitStatus{}}
	go s.reap()
	return s
}

func (s *supervisor) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.ECHILD) {
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil {
			continue
		}
		s.mu.Lock()
		if exit, ok := s.exits[pid]; ok {
			exit <- status
			delete(s.exits, pid)
		}
		s.mu.Unlock()
	}
}

// keep runs a program, and again whenever it ends.
func (s *supervisor) keep(name, path string, args ...string) {
	go func() {
		logs, err := os.OpenFile(filepath.Join("/var/log", name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			log.Fatalln(name+":", err)
		}
		for {
			exit, err := s.start(path, args, logs)
			if err != nil {
				log.Println(name+":", err)
			} else {
				log.Println(name, "ended:", exitText(<-exit))
			}
			time.Sleep(time.Second)
		}
	}()
}

func (s *supervisor) start(path string, args []string, output *os.File) (<-chan syscall.WaitStatus, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	s.mu.Lock() // so that it cannot be reaped before it is known
	defer s.mu.Unlock()
	pid, err := syscall.ForkExec(path, append([]string{path}, args...), &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{null.Fd(), output.Fd(), output.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	exit := make(chan syscall.WaitStatus, 1)
	s.exits[pid] = exit
	return exit, nil
}

func exitText(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "signal " + status.Signal().String()
	}
	return fmt.Sprintf("status %d", status.ExitStatus())
}
