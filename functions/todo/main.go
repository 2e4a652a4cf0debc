// Command todo is the function that keeps people's todos: accounts, todos,
// their history, over HTTP and PostgreSQL.
package main

import (
	"cmp"
	"context"
	"errors"
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

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/todo"
	"github.com/todochat/todochat/internal/web"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, nil); err != nil {
		fmt.Fprintln(os.Stderr, "todo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, ready func(net.Addr)) error {
	if len(args) > 0 && (args[0] != "relay" || len(args) > 1) {
		return fmt.Errorf("unknown argument %q: there is relay, which sends the events that are owed; settings are environment variables, see docs/deploy.md", args[len(args)-1])
	}
	c, err := readConfig(ctx, getenv)
	if err != nil {
		return err
	}
	log := c.Logger(os.Stderr)
	if len(args) > 0 {
		return relayOnce(ctx, c, log)
	}
	program := web.Program{Addr: c.Addr(), Log: log, Linger: c.Linger, Ready: ready}
	program.Build = func(ctx context.Context, _ net.Addr) (http.Handler, io.Closer, error) {
		signer, err := c.signer()
		if err != nil {
			return nil, nil, err
		}
		pool, err := postgres.Open(ctx, c.database())
		if err != nil {
			return nil, nil, err
		}
		store := postgres.NewStore(pool, time.Now)
		updates := newLive(store, c.LivePoll, log)
		store.OnCommit(updates.tell)
		relay, err := c.relay(store, log)
		if err != nil {
			return nil, nil, err
		}
		senders, err := c.senders()
		if err != nil {
			return nil, nil, err
		}
		background, last := []func(context.Context){updates.run}, func() error { return nil }
		if relay != nil {
			background, last = append(background, relay.run), relay.close
			store.OnCommit(func(account uuid.UUID, changes []todo.Change) {
				updates.tell(account, changes)
				relay.wake(account)
			})
		}
		work := web.Background(background...)
		f := &function{
			store:    store,
			signer:   signer,
			verifier: account.NewVerifier(signer.Keys, time.Now),
			hasher:   account.NewHasher(c.SignInWait),
			ping:     postgres.Ping(pool),
			now:      time.Now,

			senders:    senders,
			source:     c.EventSource,
			live:       updates,
			streamLife: c.StreamLife,
			stopping:   ctx.Done(),
		}
		return web.Observe(log, f.handler()), web.Closers{work.Close, last, func() error { pool.Close(); return nil }}, nil
	}
	return program.Run(ctx)
}

// relayOnce is the command todo relay: it sends the events that are owed, and
// fails if some cannot be sent within some minutes. A job runs it, so that a
// function at zero owes nobody.
func relayOnce(ctx context.Context, c config, log *slog.Logger) error {
	pool, err := postgres.Open(ctx, c.database())
	if err != nil {
		return err
	}
	defer pool.Close()
	relay, err := c.relay(postgres.NewStore(pool, time.Now), log)
	if err != nil || relay == nil {
		return cmp.Or(err, errors.New("there is no sink: set K_SINK"))
	}
	ctx, cancel := context.WithTimeout(ctx, relayTime)
	defer cancel()
	return relay.drain(ctx)
}

const relayTime = 4 * time.Minute
