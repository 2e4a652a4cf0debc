// Package ollama lets a language model on an Ollama server interpret messages.
//
// The server can be away, busy, slow, or without the model, and the client
// library reports success where there is none: an answer counts only when it
// came to its end, and is valid.
package ollama

import (
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
	"github.com/todochat/todochat/internal/intent"
)

// Config says which model to ask, and how patient to be.
type Config struct {
	Host     string        // as OLLAMA_HOST: host, host:port or URL
	Model    string        // such as llama3.2:3b
	Deadline time.Duration // for a whole answer
	AtOnce   int           // calls at a time: each costs the client an 8 MiB buffer
}

// Interpreter asks one model what messages mean.
type Interpreter struct {
	client   *api.Client
	model    string
	deadline time.Duration
	slots    chan struct{}
	breaker  *gobreaker.CircuitBreaker[[]intent.Intent]
}

const (
	defaultPort = "11434"

	// contextTokens is given with each call: a model is loaded anew when it changes.
	contextTokens = 4096
	answerTokens  = 512
	keepAlive     = 10 * time.Minute

	// After some failures in a row the model is not asked for a while: people
	// should not wait for it again and again.
	failuresToOpen = 3
	openFor        = 15 * time.Second
)

// New returns an Interpreter. It does not call the server.
func New(c Config) (*Interpreter, error) {
	base, err := ParseHost(c.Host)
	if err != nil {
		return nil, err
	}
	return &Interpreter{
		client:   api.NewClient(base, &http.Client{}),
		model:    c.Model,
		deadline: c.Deadline,
		slots:    make(chan struct{}, c.AtOnce),
		breaker: gobreaker.NewCircuitBreaker[[]intent.Intent](gobreaker.Settings{
			Timeout:     openFor,
			ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= failuresToOpen },
			// An answer that makes no sense says nothing about the server, and
			// neither does a person who hung up.
			IsSuccessful: func(err error) bool { return err == nil || fault.KindOf(err) == fault.Malformed },
			IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
		}),
	}, nil
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

// Name is what replies call the interpreter.
func (i *Interpreter) Name() string { return "ollama:" + i.model }

// Ping reports whether the server answers.
func (i *Interpreter) Ping(ctx context.Context) error { return i.client.Heartbeat(ctx) }

// Interpret asks the model what a message means. It returns fault.Unavailable
// when the server does not answer in time, is busy or lacks the model, and
// fault.Malformed when the answer makes no sense.
func (i *Interpreter) Interpret(ctx context.Context, message string) ([]intent.Intent, error) {
	ctx, cancel := context.WithTimeout(ctx, i.deadline)
	defer cancel()
	select {
	case i.slots <- struct{}{}:
		defer func() { <-i.slots }()
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "the model is busy").Because(ctx.Err())
	}
	intents, err := i.breaker.Execute(func() ([]intent.Intent, error) {
		answer, err := i.ask(ctx, message)
		if err != nil {
			return nil, err
		}
		intents, err := intent.Decode([]byte(answer))
		if err != nil {
			return nil, fault.New(fault.Malformed, "the model's answer makes no sense").Because(err)
		}
		return intents, nil
	})
	if err != nil && fault.KindOf(err) == fault.Internal {
		return nil, fault.New(fault.Unavailable, "the model does not answer").Because(fmt.Errorf("ask %s: %w", i.model, err))
	}
	return intents, err
}

// ask returns the model's whole answer.
func (i *Interpreter) ask(ctx context.Context, message string) (string, error) {
	no := false
	request := &api.ChatRequest{
		Model:     i.model,
		Messages:  []api.Message{{Role: "system", Content: prompt()}, {Role: "user", Content: withoutControlTokens(message)}},
		Stream:    &no,
		Format:    intent.Schema(),
		KeepAlive: &api.Duration{Duration: keepAlive},
		Options:   map[string]any{"temperature": 0, "num_ctx": contextTokens, "num_predict": answerTokens},
		Truncate:  &no,
		Shift:     &no,
	}
	var answer strings.Builder
	var last api.ChatResponse
	err := i.client.Chat(ctx, request, func(r api.ChatResponse) error {
		answer.WriteString(r.Message.Content)
		last = r
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case ctx.Err() != nil: // the client returns no error when its context ends within a stream
		return "", ctx.Err()
	case !last.Done:
		return "", errors.New("the answer broke off")
	case last.DoneReason != "stop":
		return "", fault.New(fault.Malformed, "the model's answer is too long").Because(errors.New("done_reason " + last.DoneReason))
	}
	return answer.String(), nil
}

// withoutControlTokens keeps a message from speaking as the template: models
// mark turns by tokens such as <|eot_id|> or </s>, and the server reads them
// in what people write, too.
func withoutControlTokens(s string) string {
	return strings.NewReplacer("<|", "< |", "|>", "| >", "<s>", "< s>", "</s>", "< /s>", "[INST]", "[ INST]", "[/INST]", "[ /INST]",
		"<start_of_turn>", "< start_of_turn>", "<end_of_turn>", "< end_of_turn>").Replace(s)
}
