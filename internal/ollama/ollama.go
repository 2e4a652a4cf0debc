// Package ollama lets language models on an Ollama server interpret messages:
// Model asks any model, with a prompt; IntentModel asks the program's own.
//
// The server can be away, busy, slow, or without the model, and the client
// library reports success where there is none: an answer counts only when it
// came to its end, and is valid.
package ollama

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/sony/gobreaker/v2"

	"github.com/todochat/todochat/internal/fault"
)

// Config says where the server is, and how patient to be.
type Config struct {
	Host     string        // as OLLAMA_HOST: host, host:port or URL
	Deadline time.Duration // for a whole answer
	Patience time.Duration // of it, for calls that are before; 0 for all of it
	AtOnce   int           // calls at a time: each costs the client an 8 MiB buffer
}

const (
	defaultPort = "11434"

	// keepAlive is how long the server keeps a model in memory after a call.
	keepAlive = 10 * time.Minute

	// After some failures in a row the model is not asked for a while: people
	// should not wait for it again and again.
	failuresToOpen = 3
	openFor        = 15 * time.Second
)

// caller asks a server: so many calls at a time, each within a deadline, and
// none for a while after failures.
type caller struct {
	client   *api.Client
	deadline time.Duration
	patience time.Duration
	slots    chan struct{}
	breaker  *gobreaker.CircuitBreaker[answer]
}

// answer is what a model said, whole.
type answer struct {
	text string
	// sure is the probability of the token that the model was least sure of,
	// or 0 when the server does not say.
	sure float64
}

func newCaller(c Config) (*caller, error) {
	base, err := ParseHost(c.Host)
	if err != nil {
		return nil, err
	}
	return &caller{
		client:   api.NewClient(base, &http.Client{}),
		deadline: c.Deadline,
		patience: cmp.Or(c.Patience, c.Deadline),
		slots:    make(chan struct{}, max(c.AtOnce, 1)),
		breaker: gobreaker.NewCircuitBreaker[answer](gobreaker.Settings{
			Timeout:     openFor,
			ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= failuresToOpen },
			// An answer that makes no sense, or that the model is missing, says
			// nothing against the server, and neither does a person who hung up.
			IsSuccessful: func(err error) bool { return err == nil || fault.KindOf(err) == fault.Malformed || IsMissing(err) },
			IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
		}),
	}, nil
}

// call asks within the caller's bounds. It returns fault.Unavailable when the
// server does not answer in time, is busy or lacks the model, and
// fault.Malformed when the answer is too long.
func (c *caller) call(ctx context.Context, ask func(context.Context) (answer, error)) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	defer cancel()
	if err := c.queue(ctx); err != nil {
		return answer{}, fault.New(fault.Unavailable, "the model is busy").Because(err)
	}
	defer func() { <-c.slots }()
	a, err := c.breaker.Execute(func() (answer, error) { return ask(ctx) })
	if err != nil && fault.KindOf(err) == fault.Internal {
		return answer{}, fault.New(fault.Unavailable, "the model does not answer").Because(err)
	}
	return a, err
}

// queue waits for a slot.
func (c *caller) queue(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Ping reports whether the server answers.
func (c *caller) Ping(ctx context.Context) error { return c.client.Heartbeat(ctx) }

// whole returns an error unless an answer came to its own end.
func whole(ctx context.Context, err error, done bool, reason string) error {
	switch {
	case statusOf(err) == http.StatusBadRequest: // longer than the model's memory, or not what it can do
		return fault.New(fault.Malformed, "the model cannot read the message").Because(err)
	case err != nil:
		return err
	case ctx.Err() != nil: // the client returns no error when its context ends within a stream
		return ctx.Err()
	case !done:
		return errors.New("the answer broke off")
	case reason != "stop":
		return fault.New(fault.Malformed, "the model's answer is too long").Because(errors.New("done_reason " + cmp.Or(reason, "unknown")))
	}
	return nil
}

// nonsense says that an answer came, and cannot be used.
func nonsense(err error) error {
	return fault.New(fault.Malformed, "the model's answer makes no sense").Because(err)
}

// IsMissing reports whether a call failed because the server does not have the
// model.
func IsMissing(err error) bool { return statusOf(err) == http.StatusNotFound }

func statusOf(err error) int {
	var status api.StatusError
	errors.As(err, &status)
	return status.StatusCode
}

// ParseHost reads OLLAMA_HOST as Ollama does: scheme, host and port may be left
// out, and a server that listens on all interfaces is reached on this machine.
func ParseHost(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("read OLLAMA_HOST: it must look like host:port or http://host:port")
	}
	host, port := u.Hostname(), u.Port()
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	if port == "" && u.Scheme == "http" {
		port = defaultPort
	}
	if port != "" {
		host = net.JoinHostPort(host, port)
	}
	return &url.URL{Scheme: u.Scheme, Host: host, Path: u.Path}, nil
}

// named wraps an error of the client with the model that was asked.
func named(model string, err error) error { return fmt.Errorf("ask %s: %w", model, err) }
