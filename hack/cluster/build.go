package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// A part is what is compiled of one Go module, at once. The modules are apart
// because each wants other versions of the Kubernetes libraries.
type part struct {
	name     string
	module   string   // its folder, under this one
	packages []string // each becomes a program by its last name
	ldflags  string
	patience string // what to tell who waits for the first time
	// also completes the folder of programs.
	also func(ctx context.Context, c cluster, to string) error
}

const (
	kubernetesVersion = "v1.36.4" // as kubernetes/go.mod has it; a test compares
	versionPackage    = "k8s.io/component-base/version"
)

var parts = []part{
	{
		name: "kubernetes", module: "kubernetes", packages: []string{"."},
		// Without these the server calls itself v0.0.0, which Knative refuses.
		ldflags: "-X " + versionPackage + ".gitVersion=" + kubernetesVersion +
			" -X " + versionPackage + ".gitMajor=1 -X " + versionPackage + ".gitMinor=36" +
			" -X " + versionPackage + ".gitTreeState=clean",
		patience: "6 minutes with two idle cores",
		also: func(_ context.Context, _ cluster, to string) error {
			return os.Symlink("kubernetes", filepath.Join(to, "kubectl"))
		},
	},
	{
		name: "coredns", module: "coredns", packages: []string{"."},
		patience: "half a minute",
	},
	{
		name: "knative", module: "knative",
		packages: []string{
			"knative.dev/serving/cmd/activator",
			"knative.dev/serving/cmd/autoscaler",
			"knative.dev/serving/cmd/controller",
			"knative.dev/serving/cmd/queue",
			"knative.dev/serving/cmd/webhook",
			"./kingress",
		},
		patience: "2 minutes with two idle cores",
		also:     copyServingManifests,
	},
	{
		name: "eventing", module: "knative",
		packages: []string{
			"knative.dev/eventing/cmd/broker/filter",
			"knative.dev/eventing/cmd/broker/ingress",
			"knative.dev/eventing/cmd/controller",
			"knative.dev/eventing/cmd/in_memory/channel_controller",
			"knative.dev/eventing/cmd/in_memory/channel_dispatcher",
			"knative.dev/eventing/cmd/mtchannel_broker",
			"knative.dev/eventing/cmd/webhook",
		},
		patience: "2 minutes with two idle cores",
		also:     copyEventingManifests,
	},
	{
		name: "programs", module: ".",
		packages: []string{"./images/hello", "./images/pause", "./images/postgres"},
		patience: "a few seconds",
	},
}

// build compiles the parts that are named, or everything.
func (c cluster) build(ctx context.Context, names []string) error {
	for _, name := range names {
		if name != "ollama" && !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("there is no part %q", name)
		}
	}
	for _, p := range parts {
		if len(names) > 0 && !slices.Contains(names, p.name) {
			continue
		}
		if err := c.compile(ctx, p); err != nil {
			return err
		}
	}
	if len(names) == 0 || slices.Contains(names, "ollama") {
		if _, err := c.ollamaProgram(ctx); err != nil {
			return err
		}
	}
	return c.install(ctx)
}

// programs is the folder of a part's programs. Its name changes with anything
// that goes into them.
func (c cluster) programs(p part) string {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOARCH, p.packages, p.ldflags)
	module := filepath.Join(c.source, p.module)
	err := filepath.WalkDir(module, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && p.module == "." && filepath.Dir(path) == module && entry.Name() != "images":
			return fs.SkipDir // other modules
		case entry.IsDir() || filepath.Ext(path) != ".go" && entry.Name() != "go.mod" && entry.Name() != "go.sum":
			return nil
		case strings.HasSuffix(path, "_test.go"):
			return nil
		case p.module == "." && filepath.Dir(path) == module && filepath.Ext(path) == ".go":
			return nil // this command itself
		}
		content, err := os.ReadFile(path)
		fmt.Fprintln(sum, path[len(module):], len(content))
		sum.Write(content)
		return err
	})
	if err != nil {
		fmt.Fprintln(sum, err)
	}
	return filepath.Join(c.cache, p.name+"-"+hex.EncodeToString(sum.Sum(nil))[:12])
}

// program is the path of one program.
func (c cluster) program(name, program string) string {
	i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
	return filepath.Join(c.programs(parts[i]), program)
}

func (c cluster) compile(ctx context.Context, p part) error {
	to := c.programs(p)
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	say("compiling %s, only this once (%s)", p.name, p.patience)
	fresh := to + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return err
	}
	args := append([]string{"build", "-v", "-trimpath", "-ldflags", "-s -w " + p.ldflags, "-o", fresh + "/"}, p.packages...)
	cmd := exec.CommandContext(ctx, "nice", append([]string{"-n", "19", "go"}, args...)...)
	cmd.Dir = filepath.Join(c.source, p.module)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly -buildvcs=false")
	if err := goBuild(cmd, p.name); err != nil {
		return err
	}
	if p.also != nil {
		if err := p.also(ctx, c, fresh); err != nil {
			return err
		}
	}
	return os.Rename(fresh, to)
}

// prune removes programs that something has changed since, unless a node may
// still run them.
func (c cluster) prune() error {
	if others, _ := os.ReadDir(filepath.Dir(c.home)); len(others) > 0 {
		return nil
	}
	var errs []error
	for _, p := range parts {
		now := c.programs(p)
		all, _ := filepath.Glob(filepath.Join(c.cache, p.name+"-*"))
		for _, dir := range all {
			if dir != now {
				errs = append(errs, os.RemoveAll(dir))
			}
		}
	}
	return errors.Join(errs...)
}

// goBuild runs go build -v and tells how far it is.
func goBuild(cmd *exec.Cmd, name string) error {
	out, in := io.Pipe()
	cmd.Stderr = in
	var (
		mu       sync.Mutex
		compiled int
		last     string
		failure  []string
	)
	lines := make(chan struct{})
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(out)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			mu.Lock()
			switch line := scanner.Text(); {
			case strings.HasPrefix(line, "go: downloading "):
				last = line
			case strings.ContainsAny(line, " \t"):
				failure = append(failure, line)
			default: // a package
				compiled++
				last = line
			}
			mu.Unlock()
		}
	}()

	begin := time.Now()
	tick := time.NewTicker(tell)
	defer tick.Stop()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Run() }()
	for {
		select {
		case <-tick.C:
			mu.Lock()
			say("%s: %s: %d packages, last %s", elapsed(begin), name, compiled, last)
			mu.Unlock()
		case err := <-ended:
			in.Close()
			<-lines
			if err != nil {
				return fmt.Errorf("compile %s: %w\n%s", name, err, strings.Join(failure, "\n"))
			}
			say("%s: compiled %s", elapsed(begin), name)
			return nil
		}
	}
}

// ollamaProgram is the path of the Ollama server, compiled when it is not there.
func (c cluster) ollamaProgram(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.source, "..", "ollama", "build"))
	cmd.Stderr = os.Stderr
	return line(cmd)
}

// postgresPrograms is the folder of PostgreSQL's programs, which hack/postgres
// fetches when they are not there.
func (c cluster) postgresPrograms(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "run", "./hack/postgres/where")
	cmd.Dir = c.repository()
	cmd.Stderr = os.Stderr
	return line(cmd)
}

// line runs a command that prints one.
func line(cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return string(bytes.TrimSpace(out)), nil
}
