package main

import (
	"context"
	"fmt"
	"os"

	"github.com/todochat/todochat/hack/postgres"
)

// database is the one that the programs use.
type database struct {
	owner, todo, chat string // addresses, by role
	passwords         passwords
	server            *postgres.Server // nil when DATABASE_URL names the database
	log               *os.File
}

// openDatabase starts the private PostgreSQL, unless another one is given.
func openDatabase(ctx context.Context, c config, h *home, progress func(string)) (_ *database, err error) {
	if c.database != "" {
		return givenDatabase(c.database, h)
	}
	// What the server says is for those who look for trouble, not for the
	// terminal: a file per run.
	log, err := os.OpenFile(h.path("postgres.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL's log: %w", err)
	}
	server, err := postgres.Start(ctx, postgres.Options{Data: h.path("postgres"), Log: log, Progress: progress})
	if err != nil {
		_ = log.Close()
		return nil, err
	}
	return &database{
		owner:  server.URL(postgres.Superuser, "postgres"),
		todo:   server.URL("todo", "postgres"),
		chat:   server.URL("chat", "postgres"),
		server: server,
		log:    log,
	}, nil
}

// givenDatabase is one that somebody else runs, where the functions' roles have
// passwords that we choose.
func givenDatabase(owner string, h *home) (*database, error) {
	p, err := h.passwords()
	if err != nil {
		return nil, err
	}
	d := &database{owner: owner, passwords: p}
	if d.todo, err = postgres.As(owner, "todo", p.Todo, ""); err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	if d.chat, err = postgres.As(owner, "chat", p.Chat, ""); err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	return d, nil
}

// migrateEnv is the environment of the migrations, which work as the owner.
func (d *database) migrateEnv(c config) environment {
	env := c.env.with("DATABASE_URL", d.owner)
	if d.server == nil {
		env = env.with("TODO_DATABASE_PASSWORD", d.passwords.Todo).with("CHAT_DATABASE_PASSWORD", d.passwords.Chat)
	}
	return env
}

// done is closed when the private server has ended.
func (d *database) done() <-chan struct{} {
	if d.server == nil {
		return nil
	}
	return d.server.Done()
}

func (d *database) close() error {
	if d.server == nil {
		return nil
	}
	err := d.server.Stop()
	_ = d.log.Close()
	return err
}
