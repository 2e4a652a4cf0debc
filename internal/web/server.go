// Package web is how the programs meet HTTP: the life cycle of a serverless
// function, problem details, strict JSON, routing without redirects, and one
// log line a request.
package web

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
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Program is a function that serves HTTP.
type Program struct {
	Addr string // host:port
	Log  *slog.Logger

	// Build makes the handler and what must be closed after the last request.
	// It runs once the port is open, at addr; requests that come earlier wait.
	Build func(ctx context.Context, addr net.Addr) (http.Handler, io.Closer, error)

	// Linger is how long new requests are still taken once readiness is off:
	// routers need a moment to notice.
	Linger time.Duration

	// Drain bounds how long accepted requests may take once the program is told
	// to stop; 0 for the usual.
	Drain time.Duration

	// Ready, if set, is called with the address once requests are served.
	Ready func(net.Addr)
}

// drainTime is the usual Drain. Knative sends SIGKILL after timeoutSeconds of
// the revision.
const drainTime = 25 * time.Second

// Run serves until ctx ends, then drains: readiness goes off, connections are
// asked to close, every accepted request is answered, and what Build made is
// closed.
func (p Program) Run(ctx context.Context) error {
	tuneGC()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	g := &gate{built: make(chan struct{})}
	server := &http.Server{
		Handler:           g,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(p.Log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	handler, resources, err := p.Build(ctx, listener.Addr())
	if err != nil {
		return errors.Join(err, server.Close(), ignoreClosed(<-served))
	}
	g.open(handler)
	p.Log.Info("serving", "addr", listener.Addr().String())
	if p.Ready != nil {
		p.Ready(listener.Addr())
	}

	select {
	case err = <-served:
		return errors.Join(fmt.Errorf("serve: %w", err), resources.Close())
	case <-ctx.Done():
	}
	g.draining.Store(true)
	time.Sleep(p.Linger)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(p.Drain, drainTime))
	defer cancel()
	if err = server.Shutdown(drain); err != nil {
		err = errors.Join(fmt.Errorf("drain: %w", err), server.Close())
	}
	err = errors.Join(err, ignoreClosed(<-served), resources.Close())
	p.Log.Info("stopped")
	return err
}

// tuneGC trades memory for time: with a live heap of a few MiB the collector
// would run dozens of times a second. Above softLimit it works as hard as it
// must. GOGC and GOMEMLIMIT, if set, have the last word.
func tuneGC() {
	const softLimit = 64 << 20
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(300)
		debug.SetMemoryLimit(softLimit)
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// gate holds requests back until the handler is built, answers the probes,
// and asks connections to close while the program drains.
type gate struct {
	built    chan struct{}
	handler  http.Handler
	draining atomic.Bool
}

func (g *gate) open(h http.Handler) {
	g.handler = h
	close(g.built)
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case <-g.built:
	case <-r.Context().Done():
		return
	}
	if g.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	switch r.URL.Path {
	case "/readyz":
		if g.draining.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fallthrough
	case "/livez":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "ok\n") // the prober may be gone
	default:
		g.handler.ServeHTTP(w, r)
	}
}

// Work is what a program does beside answering requests.
type Work struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Background starts work, each with a context that ends when the work is closed.
func Background(work ...func(context.Context)) *Work {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Work{cancel: cancel}
	for _, do := range work {
		w.done.Go(func() { do(ctx) })
	}
	return w
}

// Close ends the work and waits for it.
func (w *Work) Close() error {
	w.cancel()
	w.done.Wait()
	return nil
}

// Closers closes each in turn, whatever the others say.
type Closers []func() error

// Close implements io.Closer.
func (c Closers) Close() error {
	var errs []error
	for _, closeOne := range c {
		errs = append(errs, closeOne())
	}
	return errors.Join(errs...)
}
