package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/todochat/todochat/internal/ollama"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/web"
)

// config is all that the function can be told.
type config struct {
	web.Config
	DatabaseURL      string        `env:"DATABASE_URL, required"`                      // of the function's role
	DatabaseExecMode string        `env:"DATABASE_EXEC_MODE, default=cache_statement"` // cache_describe or exec behind a pooler
	DatabasePoolSize int           `env:"DATABASE_POOL_SIZE, default=4"`               // connections of one pod
	TodoURL          string        `env:"TODO_URL, required"`                          // where the todo function is reached
	Interpreter      string        `env:"INTERPRETER, default=auto"`                   // auto, rules or ollama:NAME
	OllamaHost       string        `env:"OLLAMA_HOST, default=127.0.0.1:11434"`        // as Ollama takes it
	OllamaDeadline   time.Duration `env:"OLLAMA_DEADLINE, default=20s"`                // for a message; the rules answer then
	OllamaAtOnce     int           `env:"OLLAMA_AT_ONCE, default=2"`                   // calls at a time
	Features         features      `env:", prefix=FEATURE_"`
}

// features are what messages may ask for and nothing implements. Each can be
// named, so that an operator sees that it is off; none can be switched on.
type features struct {
	Recurring    bool `env:"RECURRING"`    // must stay off: todos that repeat
	Reminder     bool `env:"REMINDER"`     // must stay off: being told at a time
	Notification bool `env:"NOTIFICATION"` // must stay off: messages of any other kind
	Sharing      bool `env:"SHARING"`      // must stay off: other people's todos
	Other        bool `env:"OTHER"`        // must stay off: attachments, calendars, …
}

func readConfig(ctx context.Context, getenv func(string) string) (config, error) {
	var c config
	if err := web.Read(ctx, getenv, &c); err != nil {
		return config{}, err
	}
	if c.Features != (features{}) {
		return config{}, errors.New("read settings: a FEATURE_… is switched on, but nothing implements it: a promise would be broken")
	}
	return c, nil
}

func (c config) database() postgres.Config {
	return postgres.Config{URL: c.DatabaseURL, ExecMode: c.DatabaseExecMode, PoolSize: c.DatabasePoolSize, Name: "chat"}
}

func (c config) todoURL() (*url.URL, error) {
	u, err := url.Parse(c.TodoURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("read TODO_URL: it must look like http://host:port")
	}
	return u, nil
}

// model returns the model that interprets messages, or nil for the rules.
func (c config) model() (*ollama.Interpreter, error) {
	name, isModel := strings.CutPrefix(c.Interpreter, "ollama:")
	switch {
	case c.Interpreter == "auto", c.Interpreter == "rules":
		return nil, nil
	case !isModel || name == "":
		return nil, fmt.Errorf("read INTERPRETER: %q is not auto, rules or ollama:NAME", c.Interpreter)
	}
	if c.OllamaAtOnce < 1 {
		return nil, errors.New("read OLLAMA_AT_ONCE: it must be 1 or more")
	}
	return ollama.New(ollama.Config{Host: c.OllamaHost, Model: name, Deadline: c.OllamaDeadline, AtOnce: c.OllamaAtOnce})
}
