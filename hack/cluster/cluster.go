package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Addresses inside the node's network. Nothing of them exists outside of it, so
// every cluster has the same.
const (
	nodeAddress = "10.77.0.2"
	nodeNetwork = "10.77.0.0/24"
	podNetwork  = "10.244.0.0/24"
	services    = "10.96.0.0/16"
	apiService  = "10.96.0.1"
	dnsService  = "10.96.0.10"

	apiPort     = 6443
	ingressPort = 30080 // the node port of kingress
)

// cluster is where one cluster lives on this machine.
type cluster struct {
	name   string
	domain string // of the host names that Knative gives to services

	// Ports of 127.0.0.1 that lead into the node. The registry has its port on
	// the node's own loopback address too, so that an image has one name.
	api, ingress, registry int

	source string // this folder
	cache  string // compiled programs
	home   string // state, gone with the cluster
}

func newCluster(getenv func(string) string) (cluster, error) {
	value := func(key, otherwise string) string {
		if v := getenv(key); v != "" {
			return v
		}
		return otherwise
	}
	c := cluster{
		name:   value("CLUSTER_NAME", "todochat"),
		domain: value("CLUSTER_DOMAIN", "example.com"),
		source: value("CLUSTER_SOURCE", "."),
	}
	for _, r := range c.name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return cluster{}, fmt.Errorf("CLUSTER_NAME: %q: only lower case letters, digits and -", c.name)
		}
	}
	var errs []error
	port := func(key, otherwise string) int {
		n, err := strconv.ParseUint(value(key, otherwise), 10, 16)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
		return int(n)
	}
	c.api = port("CLUSTER_API_PORT", "26443")
	c.ingress = port("CLUSTER_INGRESS_PORT", "28080")
	c.registry = port("CLUSTER_REGISTRY_PORT", "25000")
	if err := errors.Join(errs...); err != nil {
		return cluster{}, err
	}

	root, err := os.UserCacheDir()
	if err != nil {
		return cluster{}, fmt.Errorf("look for a place to keep programs: %w", err)
	}
	if os.Getuid() == 0 && getenv("XDG_CACHE_HOME") == "" {
		root = "/var/cache" // as hack/postgres does
	}
	c.cache = filepath.Join(root, "todochat", "cluster")
	c.home = filepath.Join(c.cache, "clusters", c.name)
	c.source, err = filepath.Abs(c.source)
	return c, err
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// image is the full name of an image in our registry.
func (c cluster) image(name string) string { return loopback(c.registry) + "/" + name }

// The state of a cluster: logs, settings and keys, what the node sees as
// /var/lib, and which process it is.
func (c cluster) log(name string) string  { return filepath.Join(c.home, "log", name) }
func (c cluster) etc(name string) string  { return filepath.Join(c.home, "etc", name) }
func (c cluster) bin() string             { return filepath.Join(c.home, "bin") }
func (c cluster) varLib() string          { return filepath.Join(c.home, "lib") }
func (c cluster) processFile() string     { return filepath.Join(c.home, "process") }
func (c cluster) kubeconfig() string      { return c.etc("admin.kubeconfig") }
func (c cluster) repository() string      { return filepath.Join(c.source, "..", "..") }
func (c cluster) cgroup(at string) string { return filepath.Join(at, "todochat-cluster-"+c.name) }

func (c cluster) environment() string {
	var b strings.Builder
	for _, v := range [][2]string{
		{"KUBECONFIG", c.kubeconfig()},
		{"KO_DOCKER_REPO", loopback(c.registry)},
		{"KO_DEFAULTBASEIMAGE", c.image(baseImage)},
		{"INGRESS_URL", "http://" + loopback(c.ingress)},
		{"CLUSTER_DOMAIN", c.domain},
		{"CLUSTER_LOGS", c.log("")},
	} {
		fmt.Fprintf(&b, "export %s=%s\n", v[0], quoted(v[1]))
	}
	// ko calls kubectl.
	fmt.Fprintf(&b, "export PATH=%s:\"$PATH\"\n", quoted(c.bin()))
	return b.String()
}

// quoted is a word as a shell has to be given it.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// lock keeps two commands from changing the cluster, or the programs, at the
// same time.
func (c cluster) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(c.cache, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(c.cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = await(ctx, "another cluster command to end", time.Second/10, time.Hour, func() (string, bool, error) {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return "", false, nil
		}
		return "", err == nil, err
	})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil
}

// process is the node's first process: its number, and when it started, since
// the number may be given to another one later.
type process struct {
	pid   int
	start string
}

// running returns the node's process; ok is false when there is none.
func (c cluster) running() (p process, ok bool) {
	content, err := os.ReadFile(c.processFile())
	if err != nil {
		return process{}, false
	}
	pid, start, _ := strings.Cut(strings.TrimSpace(string(content)), " ")
	p.start = start
	p.pid, err = strconv.Atoi(pid)
	return p, err == nil && started(p.pid) == p.start
}

// started is when a process began, in ticks since the machine did; empty when
// there is no such process.
func started(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name in parentheses may hold anything; the third field follows it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}
