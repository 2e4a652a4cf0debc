// Package stacktest runs the real programs for tests and benchmarks: built as
// they ship, each a process of its own on a free port of 127.0.0.1.
package stacktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/todochat/todochat/hack/postgres/child"
)

const module = "github.com/todochat/todochat/"

// Programs are where the built programs stand. The caller removes the folder.
type Programs struct{ Dir string }

// Build builds the three programs into a new temporary folder. From a warm
// build cache it takes about a second.
func Build(ctx context.Context) (Programs, error) {
	dir, err := os.MkdirTemp("", "todochat-programs-")
	if err != nil {
		return Programs{}, fmt.Errorf("make a folder for the programs: %w", err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir+string(filepath.Separator),
		module+"functions/todo", module+"functions/chat", module+"frontend")
	if out, err := build.CombinedOutput(); err != nil {
		return Programs{}, errors.Join(fmt.Errorf("build the programs: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return Programs{dir}, nil
}

// Program is a running program.
type Program struct {
	URL string // http://127.0.0.1:port
	*child.Process
	log *buffer
}

// Log returns what the program has written to standard error.
func (p *Program) Log() string { return p.log.String() }

// startTime bounds how long a program may take to answer.
const startTime = 20 * time.Second

// Start starts a program with exactly these settings, NAME=VALUE each, and
// PORT and HOST. It returns once the program answers.
func (p Programs) Start(ctx context.Context, name string, settings ...string) (*Program, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	log := &buffer{}
	cmd := exec.Command(filepath.Join(p.Dir, name))
	cmd.Env = append([]string{"HOST=127.0.0.1", "PORT=" + port}, settings...)
	cmd.Stderr = log
	process, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	program := &Program{"http://127.0.0.1:" + port, process, log}
	if err := program.wait(ctx); err != nil {
		process.Stop(os.Kill, time.Second)
		return nil, fmt.Errorf("start %s: %w\n%s", name, err, log)
	}
	return program, nil
}

func (p *Program) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/readyz", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			return response.Body.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.Done():
			return errors.Join(errors.New("it ended"), p.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

var _ io.Writer = (*buffer)(nil)

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
