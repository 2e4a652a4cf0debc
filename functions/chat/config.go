package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/todochat/todochat/internal/interpreter"
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
	Interpreter      string        `env:"INTERPRETER, default=auto"`                   // auto, rules, intent or ollama:NAME
	OllamaHost       string        `env:"OLLAMA_HOST, default=127.0.0.1:11434"`        // as Ollama takes it
	OllamaDeadline   time.Duration `env:"OLLAMA_DEADLINE, default=20s"`                // for a message by ollama:NAME; the rules answer then
	OllamaAtOnce     int           `env:"OLLAMA_AT_ONCE, default=2"`                   // calls at a time, to each model
	ChatModel        string        `env:"CHAT_MODEL, default=llama3.2:3b"`             // answers free questions; none: the program does
	ChatDeadline     time.Duration `env:"CHAT_DEADLINE, default=2m"`                   // for a whole answer of CHAT_MODEL, its loading included
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

// talker returns what answers free questions, or nil.
func (c config) talker() (*ollama.Talker, error) {
	if c.ChatModel == noModel {
		return nil, nil
	}
	// Who waits behind others for half a minute is better served by the program.
	return ollama.NewTalker(ollama.Config{Host: c.OllamaHost, Deadline: c.ChatDeadline, Patience: c.ChatDeadline / 4, AtOnce: c.OllamaAtOnce}, c.ChatModel)
}

// noModel is the CHAT_MODEL that is none.
const noModel = "none"

// models returns the models that come from a registry, each with what it is for.
func (c config) models() (models, error) {
	m := models{purposes: make(map[string]string), interpreter: c.Interpreter, conversation: c.ChatModel != noModel}
	var names []string
	if name, ok := strings.CutPrefix(c.Interpreter, "ollama:"); ok {
		names, m.purposes[name] = append(names, name), "interpreter"
	}
	if m.conversation && m.purposes[c.ChatModel] == "" {
		names, m.purposes[c.ChatModel] = append(names, c.ChatModel), "conversation"
	}
	var err error
	m.Library, err = ollama.NewLibrary(c.OllamaHost, names...)
	return m, err
}

// interpreter returns what reads messages.
func (c config) interpreter() (*interpreter.Interpreter, error) {
	if c.OllamaAtOnce < 1 {
		return nil, errors.New("read OLLAMA_AT_ONCE: it must be 1 or more")
	}
	i, err := interpreter.New(interpreter.Config{Name: c.Interpreter, Host: c.OllamaHost, Deadline: c.OllamaDeadline, AtOnce: c.OllamaAtOnce})
	if err != nil {
		return nil, fmt.Errorf("read INTERPRETER: %w", err)
	}
	return i, nil
}
