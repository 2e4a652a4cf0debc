// Command dev runs the whole application on this machine, for make run: a
// private PostgreSQL (or the one at DATABASE_URL), a private Ollama when none
// answers and the program is on this machine, the migrations, and the programs
// todo, chat and frontend, which stand beside its own executable.
//
// It prints one address, the page's. Ctrl-C stops everything; the data stays.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Environ(), newScreen(os.Stdout, os.Getenv)); err != nil {
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

// run runs everything until ctx ends, which is no error, or until a part of it
// does.
func run(ctx context.Context, env environment, screen *screen) (err error) {
	defer func() {
		screen.open() // whatever was held back may say why
		if ctx.Err() == nil {
			return
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			screen.say("while stopping: " + err.Error())
		}
		err = nil
	}()
	c, err := configure(env)
	if err != nil {
		return err
	}
	home, err := openHome(c.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, home.close()) }()

	ports, err := reserve(c.host, c.ports)
	if err != nil {
		return err
	}
	defer ports.release()

	progress := screen.progress()
	defer progress.stop()
	db, err := openDatabase(ctx, c, home, progress.tell)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	helper, err := openAssistant(ctx, c, home, progress.tell)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, helper.close()) }()

	r := &runner{screen: screen, bin: c.bin}
	defer r.stop()
	defer progress.tell("stopping")
	progress.tell("migrating the database")
	if err := r.finish(ctx, "migrate", db.migrateEnv(c)); err != nil {
		return err
	}
	key, err := home.signingKey()
	if err != nil {
		return err
	}

	progress.tell("starting todo, chat and frontend")
	ports.release()
	for i, name := range programs {
		if err := r.start(name, ports[i].port, programEnv(c, name, db, helper, key, ports)); err != nil {
			return err
		}
	}
	if err := r.ready(ctx, c, db.done()); err != nil {
		return err
	}
	progress.tell("")

	page := "http://" + c.shown(ports[2].port)
	if err := home.note(state{URL: page, PID: os.Getpid()}); err != nil {
		return err
	}
	screen.say("")
	screen.say("  " + page)
	screen.say("")
	screen.say("Assistant: " + helper.said)
	screen.say("Data: " + c.data + ". Ctrl-C stops everything; the data stays.")
	screen.say("")
	screen.open()

	return r.wait(ctx, db.done())
}

// programs in the order of their start: each needs those before it.
var programs = []string{"todo", "chat", "frontend"}

// programEnv is the environment of one program: ours, and what it must know of
// the others. Nobody but the migrations sees the owner's address.
func programEnv(c config, name string, db *database, helper *assistant, key string, ports reservations) environment {
	port := func(of string) int { return ports[slices.Index(programs, of)].port }
	url := func(of string) string { return "http://" + c.reached(port(of)) }
	env := c.env.without("DATABASE_URL", "TODO_DATABASE_PASSWORD", "CHAT_DATABASE_PASSWORD", "SIGNING_KEY_FILE").
		with("HOST", c.host).
		with("PORT", fmt.Sprint(port(name)))
	switch name {
	case "todo":
		return env.with("DATABASE_URL", db.todo).with("SIGNING_KEY_FILE", key)
	case "chat":
		env = env.with("DATABASE_URL", db.chat).with("TODO_URL", url("todo")).with("INTERPRETER", helper.interpreter)
		if helper.host != "" {
			env = env.with("OLLAMA_HOST", helper.host)
		}
		return env
	default:
		return env.with("TODO_URL", url("todo")).with("CHAT_URL", url("chat"))
	}
}

// binDir is where our own executable is.
func binDir() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the programs: %w", err)
	}
	return filepath.Dir(self), nil
}
