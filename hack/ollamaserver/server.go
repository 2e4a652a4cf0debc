// Package ollamaserver runs a private Ollama: one that only this machine
// reaches, with models of its own, which ends with the process that started it.
package ollamaserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/todochat/todochat/hack/postgres/child"
)

// HowToGet says what to do when there is no Ollama.
const HowToGet = "install Ollama (https://ollama.com/download), or compile it once with hack/ollama/build"

// Find returns the program: the ollama on PATH, or else the one that
// hack/ollama/build compiled last. It never compiles one.
func Find() (string, error) {
	if path, err := exec.LookPath("ollama"); err == nil {
		return path, nil
	}
	found, err := filepath.Glob(filepath.Join(cacheDir(), "ollama-*", "ollama"))
	if err != nil {
		return "", err
	}
	var newest string
	var made time.Time
	for _, path := range found {
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() && info.ModTime().After(made) {
			newest, made = path, info.ModTime()
		}
	}
	if newest == "" {
		return "", errors.New("there is no Ollama: " + HowToGet)
	}
	return newest, nil
}

// FindOrBuild is Find, and compiles the program when there is none: minutes. It
// must be called in the root of the repository. What it does meanwhile goes to
// progress.
func FindOrBuild(ctx context.Context, progress io.Writer) (string, error) {
	if path, err := Find(); err == nil {
		return path, nil
	}
	cmd := exec.CommandContext(ctx, "hack/ollama/build")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stderr = progress
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("compile Ollama: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// cacheDir is where hack/ollama/build keeps what it compiles.
func cacheDir() string {
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "todochat")
	}
	if os.Getuid() == 0 {
		return "/var/cache/todochat"
	}
	return filepath.Join(os.Getenv("HOME"), ".cache", "todochat")
}

// Options say how to run a server.
type Options struct {
	Program string    // as Find returns it
	Dir     string    // for its models and keys; it must exist
	Host    string    // host:port; empty for a free port of 127.0.0.1
	Log     io.Writer // what the server prints; nil for nobody
	Env     []string  // more settings, NAME=VALUE each
}

// Server is a running Ollama.
type Server struct {
	Host    string // as OLLAMA_HOST
	process *child.Process
}

const (
	startPatience = 30 * time.Second
	stopPatience  = 5 * time.Second
)

// Start starts a server and waits until it answers.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Host == "" {
		host, err := freePort()
		if err != nil {
			return nil, err
		}
		o.Host = host
	}
	cmd := exec.Command(o.Program, "serve")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + o.Dir, "OLLAMA_HOST=" + o.Host, "OLLAMA_MODELS=" + filepath.Join(o.Dir, "models"),
		"OLLAMA_NO_CLOUD=1", "OLLAMA_NUM_PARALLEL=1", "OLLAMA_MAX_LOADED_MODELS=2",
	}
	cmd.Env = append(cmd.Env, o.Env...)
	cmd.Stdout, cmd.Stderr = o.Log, o.Log
	process, err := child.Start(cmd, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	s := &Server{o.Host, process}
	if err := s.await(ctx); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start %s: %w", o.Program, err)
	}
	return s, nil
}

func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("no answer within %v", startPatience))
	defer cancel()
	client := &http.Client{Transport: &http.Transport{Proxy: nil}}
	defer client.CloseIdleConnections()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://"+s.Host+"/", nil)
		if err != nil {
			return err
		}
		if response, err := client.Do(request); err == nil {
			_ = response.Body.Close()
			return nil
		}
		select {
		case <-tick.C:
		case <-s.process.Done():
			return fmt.Errorf("it ended: %w", s.process.Err())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.process.Done() }

// Stop ends the server and what it started. A server that is killed leaves the
// process that runs a model behind, so the whole group is asked.
func (s *Server) Stop() {
	s.process.SignalGroup(syscall.SIGTERM)
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-s.process.Done():
	case <-timer.C:
		s.Kill()
	}
}

// Kill ends the server as a crash would, with the processes that run models.
func (s *Server) Kill() {
	s.process.SignalGroup(syscall.SIGKILL)
	<-s.process.Done()
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	host := l.Addr().String()
	return host, l.Close()
}
