// Command frontend is the public door: it serves the page, keeps people's
// sessions in cookies, and passes /api on to the functions, on one origin.
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

	"github.com/todochat/todochat/internal/web"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, nil); err != nil {
		fmt.Fprintln(os.Stderr, "frontend:", err)
		os.Exit(1)
	}
}

// answerTime is how long an answer of the assistant may take: a frontend that
// was told to stop passes it on to its end.
const answerTime = 150 * time.Second

func run(ctx context.Context, args []string, getenv func(string) string, ready func(net.Addr)) error {
	if len(args) > 0 {
		return fmt.Errorf("unknown argument %q: settings are environment variables, see docs/deploy.md", args[0])
	}
	c, err := readConfig(ctx, getenv)
	if err != nil {
		return err
	}
	log := c.Logger(os.Stderr)
	program := web.Program{Addr: c.Addr(), Log: log, Linger: c.Linger, Drain: answerTime, Ready: ready}
	program.Build = func(ctx context.Context, addr net.Addr) (http.Handler, io.Closer, error) {
		f, err := newFrontend(c, addr)
		if err != nil {
			return nil, nil, err
		}
		context.AfterFunc(ctx, f.streams.end)
		warming := f.warm(log)
		return web.Observe(log, f.handler()), web.Closers{warming.Close}, nil
	}
	return program.Run(ctx)
}
