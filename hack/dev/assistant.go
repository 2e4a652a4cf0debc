package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/todochat/todochat/internal/ollama"
)

// assistant says how messages are interpreted.
func assistant(interpreter string) string {
	switch name, isModel := strings.CutPrefix(interpreter, "ollama:"); {
	case interpreter == "" || interpreter == "auto" || interpreter == "rules":
		return "rules"
	case isModel:
		return "the Ollama model " + name + ", and rules when it is away"
	default:
		return interpreter
	}
}

// reportOllama says whether an Ollama answers at host, as OLLAMA_HOST has it.
func reportOllama(ctx context.Context, host string) string {
	base, err := ollama.ParseHost(host)
	if err != nil {
		return "OLLAMA_HOST is not an address."
	}
	var about struct{ Version string }
	if err := fetchJSON(ctx, base.JoinPath("api/version"), &about); err != nil {
		return "No Ollama answers at " + base.Host + "."
	}
	var tags struct{ Models []struct{ Name string } }
	if err := fetchJSON(ctx, base.JoinPath("api/tags"), &tags); err != nil {
		return "Ollama " + about.Version + " answers at " + base.Host + ", but does not list its models."
	}
	if len(tags.Models) == 0 {
		return "Ollama " + about.Version + " answers at " + base.Host + ", without a model."
	}
	var names []string
	for _, model := range tags.Models {
		names = append(names, model.Name)
	}
	return "Ollama " + about.Version + " answers at " + base.Host + ", with " + strings.Join(names, ", ") + "."
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
