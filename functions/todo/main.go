// Command todo is the function that keeps people's todos: accounts, todos,
// their history, over HTTP and PostgreSQL.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // images have no time zones

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/postgres"
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
	if len(args) > 0 {
		return fmt.Errorf("unknown argument %q: settings are environment variables, see docs/deploy.md", args[0])
	}
	c, err := readConfig(ctx, getenv)
	if err != nil {
		return err
	}
	log := c.Logger(os.Stderr)
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
		f := &function{
			store:    postgres.NewStore(pool, time.Now),
			signer:   signer,
			verifier: account.NewVerifier(signer.Keys, time.Now),
			hasher:   account.NewHasher(c.SignInWait),
			ping:     postgres.Ping(pool),
			now:      time.Now,
		}
		return web.Observe(log, f.handler()), web.Closers{func() error { pool.Close(); return nil }}, nil
	}
	return program.Run(ctx)
}
