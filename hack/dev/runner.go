package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/todochat/todochat/hack/postgres/child"
)

const (
	startPatience = 30 * time.Second // until a program answers
	stopPatience  = 10 * time.Second // until it has answered its last requests
)

// runner starts the programs and stops them.
type runner struct {
	screen  *screen
	bin     string // the directory of the programs
	running []*running
	ended   chan *running // each program, once it has ended
}

type running struct {
	name    string
	port    int
	process *child.Process
}

// end says how a program ended.
func (p *running) end() error {
	if err := p.process.Err(); err != nil {
		return fmt.Errorf("%s ended unexpectedly: %w", p.name, err)
	}
	return fmt.Errorf("%s ended unexpectedly, with success", p.name)
}

func (r *runner) launch(name string, env environment) (*child.Process, error) {
	cmd := exec.Command(filepath.Join(r.bin, name))
	cmd.Env = env
	log := r.screen.logger(name)
	cmd.Stdout, cmd.Stderr = log, log
	// Killed with us rather than asked: whoever killed us wants an end of it.
	return child.Start(cmd, syscall.SIGKILL)
}

// finish runs a program to its end.
func (r *runner) finish(ctx context.Context, name string, env environment) error {
	process, err := r.launch(name, env)
	if err != nil {
		return err
	}
	select {
	case <-process.Done():
	case <-ctx.Done():
		process.Stop(syscall.SIGTERM, stopPatience)
		return ctx.Err()
	}
	if err := process.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// start starts a program that runs until stop.
func (r *runner) start(name string, port int, env environment) error {
	process, err := r.launch(name, env)
	if err != nil {
		return err
	}
	if r.ended == nil {
		r.ended = make(chan *running, len(programs))
	}
	p := &running{name, port, process}
	r.running = append(r.running, p)
	go func() { // ends with the program, which stop waits for
		<-process.Done()
		r.ended <- p
	}()
	return nil
}

// ready waits until every program answers.
func (r *runner) ready(ctx context.Context, c config, database <-chan struct{}) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("no answer within %s", startPatience))
	defer cancel()
	for _, p := range r.running {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for !answers(ctx, c.reached(p.port)) {
			select {
			case <-tick.C:
			case ended := <-r.ended:
				return ended.end()
			case <-database:
				return errDatabase
			case <-ctx.Done():
				return fmt.Errorf("start %s: %w", p.name, context.Cause(ctx))
			}
		}
	}
	return nil
}

var errDatabase = errors.New("PostgreSQL ended unexpectedly: postgres.log in the data directory may say why")

func answers(ctx context.Context, address string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := direct.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// direct reaches this machine whatever proxy the environment names.
var direct = &http.Client{
	Timeout: time.Second,
	Transport: &http.Transport{
		DialContext:       (&net.Dialer{}).DialContext,
		DisableKeepAlives: true, // a connection kept open would hold up a program's end
	},
}

// wait returns nil when ctx ends, and otherwise which part has ended before.
func (r *runner) wait(ctx context.Context, database <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return nil
	case p := <-r.ended:
		return p.end()
	case <-database:
		return errDatabase
	}
}

// stop ends the programs, the last started first: while the page's requests are
// still being answered, what they need is there.
func (r *runner) stop() {
	for _, p := range slices.Backward(r.running) {
		if p.process.Stop(syscall.SIGTERM, stopPatience) {
			r.screen.say(fmt.Sprintf("%s did not end within %s and was killed", p.name, stopPatience))
		}
	}
	r.running = nil
}
