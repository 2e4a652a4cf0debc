// Command chat is the function that turns sentences into todos: it finds out
// what a message means, and acts through the todo function with the person's
// own token.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // images have no time zones

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/interpreter"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/todoclient"
	"github.com/todochat/todochat/internal/web"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, nil); err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, ready func(net.Addr)) error {
	if len(args) > 0 {
		return fmt.Errorf("unknown argument %q: settings are environment variables, see docs/deploy.md", args[0])
	}
	c, err := readConfig(ctx, getenv)
	if err != nil {
		return err
	}
	log := c.Logger(os.Stderr)
	program := web.Program{Addr: c.Addr(), Log: log, Linger: c.Linger, Drain: c.ChatDeadline + 10*time.Second, Ready: ready}
	program.Build = func(ctx context.Context, _ net.Addr) (http.Handler, io.Closer, error) {
		todoURL, err := c.todoURL()
		if err != nil {
			return nil, nil, err
		}
		reader, err := c.interpreter()
		if err != nil {
			return nil, nil, err
		}
		talker, err := c.talker()
		if err != nil {
			return nil, nil, err
		}
		models, err := c.models()
		if err != nil {
			return nil, nil, err
		}
		context.AfterFunc(ctx, models.Unwatch)
		pool, err := postgres.Open(ctx, c.database())
		if err != nil {
			return nil, nil, err
		}
		todos := todoclient.New(todoURL, &http.Client{Transport: newTransport(), Timeout: callTime})
		f := &function{
			log:      log,
			store:    postgres.NewChatStore(pool, time.Now),
			todos:    todos,
			verifier: account.NewVerifier(todos.Keys, time.Now),
			reader:   reader,
			talker:   talker,
			models:   models,
			checks:   map[string]func(context.Context) error{"database": postgres.Ping(pool)},
			now:      time.Now,
		}
		if talker != nil {
			f.checks["ollama"] = talker.Ping
		}
		if reader.NeedsOllama() {
			f.checks["ollama"] = reader.Ping
			go prepare(ctx, log, reader)
		}
		return web.Observe(log, f.handler()), web.Closers{models.Close, func() error { pool.Close(); return nil }}, nil
	}
	return program.Run(ctx)
}

// prepare gives Ollama the program's own model before the first message needs
// it. A message that comes earlier, or when Ollama is away, sees to it itself.
func prepare(ctx context.Context, log *slog.Logger, reader *interpreter.Interpreter) {
	if err := reader.Prepare(ctx); err != nil && ctx.Err() == nil {
		log.WarnContext(ctx, "the rules read messages until Ollama has the intent model", "error", err)
	}
}

// callTime bounds a call to the todo function, which may have to wake first.
const callTime = 30 * time.Second

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil // the todo function is a neighbour
	t.MaxIdleConnsPerHost = 64
	return t
}
