package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/todochat/todochat/hack/ollamaserver"
	"github.com/todochat/todochat/internal/ollama"
)

// assistant is how the chat program reads messages.
type assistant struct {
	interpreter string // INTERPRETER
	host        string // OLLAMA_HOST
	server      *ollamaserver.Server
	log         *os.File
	said        string // what people are told
}

// openAssistant finds an Ollama: the one at OLLAMA_HOST, or at its usual
// address, or a private one if the program is on this machine. Nothing is
// fetched or compiled for it; without one, rules read the messages.
func openAssistant(ctx context.Context, c config, h *home, progress func(string)) (*assistant, error) {
	a := &assistant{interpreter: or(c.interpreter, "auto"), host: c.ollama}
	if a.interpreter == "rules" {
		a.said = "rules."
		return a, nil
	}
	answers, about := reportOllama(ctx, c.ollama)
	a.said = described(a.interpreter) + ". " + about
	if answers || c.ollama != "" {
		return a, nil
	}
	program, err := ollamaserver.Find()
	switch {
	case err == nil:
		progress("starting a private Ollama")
		return a, a.start(ctx, h, program)
	case a.interpreter == "auto":
		a.interpreter = "rules"
		a.said = "rules. It understands more with a language model: " + ollamaserver.HowToGet + "."
	}
	return a, nil
}

func (a *assistant) start(ctx context.Context, h *home, program string) (err error) {
	dir := h.path("ollama")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make a directory for Ollama: %w", err)
	}
	if a.log, err = os.OpenFile(h.path("ollama.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return fmt.Errorf("open Ollama's log: %w", err)
	}
	a.server, err = ollamaserver.Start(ctx, ollamaserver.Options{Program: program, Dir: dir, Log: a.log})
	if err != nil {
		return errors.Join(fmt.Errorf("%w (ollama.log in the data directory may say why; INTERPRETER=rules does without)", err), a.log.Close())
	}
	a.host = a.server.Host
	a.said = described(a.interpreter) + ", in a private Ollama."
	return nil
}

func (a *assistant) close() error {
	if a.server == nil {
		return nil
	}
	a.server.Stop()
	return a.log.Close()
}

// described says how messages are read.
func described(interpreter string) string {
	if name, isModel := strings.CutPrefix(interpreter, "ollama:"); isModel {
		return "the Ollama model " + name + ", and rules when it is away"
	}
	return "the intent model, and rules when it is away"
}

// reportOllama says whether an Ollama answers at host, as OLLAMA_HOST has it.
func reportOllama(ctx context.Context, host string) (answers bool, report string) {
	base, err := ollama.ParseHost(host)
	if err != nil {
		return false, "OLLAMA_HOST is not an address."
	}
	var about struct{ Version string }
	if err := fetchJSON(ctx, base.JoinPath("api/version"), &about); err != nil {
		return false, "No Ollama answers at " + base.Host + "."
	}
	found := "Ollama " + about.Version + " answers at " + base.Host
	var tags struct{ Models []struct{ Name string } }
	if err := fetchJSON(ctx, base.JoinPath("api/tags"), &tags); err != nil {
		return true, found + ", but does not list its models."
	}
	if len(tags.Models) == 0 {
		return true, found + ", without a model."
	}
	var names []string
	for _, model := range tags.Models {
		names = append(names, model.Name)
	}
	return true, found + ", with " + strings.Join(names, ", ") + "."
}

func fetchJSON(ctx context.Context, address *url.URL, into any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return err
	}
	response, err := direct.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(into)
}
