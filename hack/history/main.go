// Command history checks what the system promises against the real one, in the
// manner of Jepsen: clients on shared accounts record what they ask and what
// they are told, while connections are cut at the worst moments (door.go) and
// functions are killed; then the record is held against the database (check.go).
//
// It starts what it checks: a private PostgreSQL, and two replicas of the todo
// function on it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/todochat/todochat/hack/postgres"
	"github.com/todochat/todochat/internal/postgres/migrations"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "history:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	programs, err := buildTodo(ctx)
	if err != nil {
		return err
	}
	remove, err := removeAtEnd(programs.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	server, err := postgres.Start(ctx, postgres.Options{Progress: func(what string) { fmt.Fprintln(stderr, "history:", what) }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	d := database{server.URL(postgres.Superuser, "postgres"), server.URL("todo", "postgres")}
	if err := migrations.Up(ctx, d.owner); err != nil {
		return err
	}
	began := time.Now()
	r, faults, err := play(ctx, o, programs, d)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d clients on %d accounts, %d replicas, seed %d: %.0f s\n",
		o.clients, o.accounts, len(execModes), o.seed, time.Since(began).Seconds())
	began = time.Now()
	v := check(r)
	tally(r, v).print(stdout)
	for _, line := range faults {
		fmt.Fprintln(stdout, line)
	}
	fmt.Fprintf(stdout, "checked in %.1f s: %s\n", time.Since(began).Seconds(), summary(v.found))
	return explain(stdout, v.found)
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("history", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.requests, "requests", 24_000, "how many requests clients send in all; tokens last 15 minutes")
	flags.IntVar(&o.clients, "clients", 12, "how many clients there are")
	flags.IntVar(&o.accounts, "accounts", 4, "how many accounts they share")
	flags.Uint64Var(&o.seed, "seed", rand.Uint64()%1_000_000, "what clients choose by")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	switch {
	case flags.NArg() > 0:
		return options{}, fmt.Errorf("unknown argument %q", flags.Arg(0))
	case o.requests < 1 || o.clients < 1 || o.accounts < 1:
		return options{}, errors.New("-requests, -clients and -accounts are 1 or more")
	}
	return o, nil
}
