package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/todochat/todochat/hack/postgres"
	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/postgres/migrations"
	"github.com/todochat/todochat/internal/stacktest"
)

// patience bounds how long a program may take to stop.
const patience = 10 * time.Second

// startStack starts the whole system and returns the address of its page. What
// has been started is stopped by stop, whatever the error.
func startStack(ctx context.Context) (address string, stop func() error, err error) {
	var stops []func() error
	stop = func() error {
		var errs []error
		for i := len(stops) - 1; i >= 0; i-- {
			errs = append(errs, stops[i]())
		}
		return errors.Join(errs...)
	}

	server, err := postgres.Start(ctx, postgres.Options{Settings: map[string]string{"fsync": "off"}})
	if err != nil {
		return "", stop, fmt.Errorf("start PostgreSQL: %w", err)
	}
	stops = append(stops, server.Stop)
	if err := migrations.Up(ctx, server.URL(postgres.Superuser, "postgres")); err != nil {
		return "", stop, err
	}
	programs, err := stacktest.Build(ctx)
	if err != nil {
		return "", stop, err
	}
	stops = append(stops, func() error { return os.RemoveAll(programs.Dir) })
	key, err := account.NewSigningKey()
	if err != nil {
		return "", stop, err
	}

	start := func(name string, settings ...string) (string, error) {
		p, err := programs.Start(ctx, name, settings...)
		if err != nil {
			return "", err
		}
		stops = append(stops, func() error {
			if p.Stop(syscall.SIGTERM, patience) {
				return fmt.Errorf("%s did not stop within %v", name, patience)
			}
			return nil
		})
		return p.URL, nil
	}
	todo, err := start("todo", "DATABASE_URL="+server.URL("todo", "postgres"), "SIGNING_KEY="+key)
	if err != nil {
		return "", stop, err
	}
	chat, err := start("chat", "DATABASE_URL="+server.URL("chat", "postgres"), "TODO_URL="+todo, "INTERPRETER=rules", "CHAT_MODEL=none")
	if err != nil {
		return "", stop, err
	}
	address, err = start("frontend", "TODO_URL="+todo, "CHAT_URL="+chat)
	return address, stop, err
}
