// Command withpostgres runs a command beside a temporary PostgreSQL:
//
//	withpostgres COMMAND [ARGUMENT…]
//
// The command finds the server's address, as its superuser, in
// TEST_DATABASE_URL. The server trades safety for speed and is gone, with its
// data, when the command ends; so is the command when withpostgres is killed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/todochat/todochat/hack/postgres"
	"github.com/todochat/todochat/hack/postgres/child"
)

func main() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	status, err := run(os.Args[1:], signals)
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpostgres:", err)
	}
	os.Exit(status)
}

// run returns the exit status of the command, or 128 and the number of the
// signal that ended it, as a shell does; 125 when it could not be run.
func run(args []string, signals <-chan os.Signal) (status int, err error) {
	const ours = 125
	if len(args) == 0 {
		return ours, errors.New("usage: withpostgres COMMAND [ARGUMENT…]")
	}
	server, err := start(signals)
	if err != nil {
		return ours, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()

	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "TEST_DATABASE_URL="+server.URL(postgres.Superuser, "postgres"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	process, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return ours, err
	}
	// The command's own children would outlive it when we are killed.
	watch, err := child.AtDeath(`kill -KILL -"$1" 2>/dev/null`, strconv.Itoa(process.PID()))
	if err != nil {
		process.SignalGroup(syscall.SIGKILL)
		return ours, err
	}
	defer watch.Dismiss()
	return wait(process, server, signals)
}

// wait passes signals on to all of the command's processes, as the terminal
// would, until it ends.
func wait(process *child.Process, server *postgres.Server, signals <-chan os.Signal) (status int, err error) {
	serverDone := server.Done()
	for {
		select {
		case sig := <-signals:
			if s, ok := sig.(syscall.Signal); ok {
				process.SignalGroup(s)
			}
		case <-serverDone:
			err = errors.New("PostgreSQL ended before the command")
			serverDone = nil
		case <-process.Done():
			return exitStatus(process.Err()), err
		}
	}
}

// start starts the server; a signal gives that up.
func start(signals <-chan os.Signal) (*postgres.Server, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type result struct {
		server *postgres.Server
		err    error
	}
	tell, quiet := progress()
	defer quiet()
	started := make(chan result)
	go func() {
		server, err := postgres.Start(ctx, postgres.Options{
			Progress: tell,
			Settings: map[string]string{"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"},
		})
		started <- result{server, err}
	}()
	for {
		select {
		case <-signals:
			cancel()
		case r := <-started:
			if r.err == nil && ctx.Err() != nil { // the signal came too late to stop the start
				return nil, errors.Join(ctx.Err(), r.server.Stop())
			}
			return r.server, r.err
		}
	}
}

// progress tells of steps that take longer than a second, which is the first
// time on a machine.
func progress() (tell func(what string), quiet func()) {
	pending := time.AfterFunc(0, func() {})
	tell = func(what string) {
		pending.Stop()
		pending = time.AfterFunc(time.Second, func() { fmt.Fprintln(os.Stderr, "withpostgres:", what) })
	}
	return tell, func() { pending.Stop() }
}

func exitStatus(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return 125
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}
