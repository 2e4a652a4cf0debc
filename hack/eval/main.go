// Command eval measures how well an interpreter understands messages.
//
//	go run ./hack/eval -f FILE.jsonl [-out FILE] [-interpreter auto|rules|ollama:NAME]
//
// Each line of FILE is {"message":"…","intents":[…]}, where intents are what the
// message means. -out writes what was understood, in the same form. A model is
// asked at OLLAMA_HOST.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/ollama"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "eval:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	flags := flag.NewFlagSet("eval", flag.ContinueOnError)
	file := flags.String("f", "", "the messages, a JSON object a line")
	understood := flags.String("out", "", "where to write what was understood")
	name := flags.String("interpreter", "auto", "auto, rules or ollama:NAME")
	wrong := flags.Bool("wrong", false, "show the messages that were not understood")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case *file == "":
		return errors.New("-f FILE.jsonl is missing")
	}
	interpret, err := interpreter(*name, getenv)
	if err != nil {
		return err
	}
	cases, err := read(*file)
	if err != nil {
		return err
	}
	results := make([]result, 0, len(cases))
	for _, c := range cases {
		began := time.Now()
		got, err := interpret(ctx, c.Message)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		results = append(results, result{c, got, err, time.Since(began)})
	}
	if *understood != "" {
		if err := write(*understood, results); err != nil {
			return err
		}
	}
	_, err = io.WriteString(out, report(results, *wrong))
	return err
}

// interpret says what a message means. An error is a message that was not
// understood, and is counted as such.
type interpret func(ctx context.Context, message string) ([]intent.Intent, error)

// deadline is long: a model is measured here, not a person's patience.
const deadline = time.Minute

func interpreter(name string, getenv func(string) string) (interpret, error) {
	model, isModel := strings.CutPrefix(name, "ollama:")
	switch {
	case name == "auto" || name == "rules":
		return func(_ context.Context, message string) ([]intent.Intent, error) { return intent.Rules(message), nil }, nil
	case !isModel || model == "":
		return nil, fmt.Errorf("-interpreter: %q is not auto, rules or ollama:NAME", name)
	}
	i, err := ollama.New(ollama.Config{Host: cmp.Or(getenv("OLLAMA_HOST"), "127.0.0.1:11434"), Model: model, Deadline: deadline, AtOnce: 1})
	if err != nil {
		return nil, err
	}
	return i.Interpret, nil
}

// example is a line of a file.
type example struct {
	Message string          `json:"message"`
	Intents []intent.Intent `json:"intents"`
}

// read reads examples, each held to the contract of interpreters.
func read(file string) ([]example, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var examples []example
	seen := map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var line struct {
			Message *string         `json:"message"`
			Intents json.RawMessage `json:"intents"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		if line.Message == nil || line.Intents == nil {
			return nil, fmt.Errorf(`%s:%d: want {"message":"…","intents":[…]}`, file, n)
		}
		intents, err := intent.Decode(fmt.Appendf(nil, `{"intents":%s}`, line.Intents))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		if first := seen[*line.Message]; first > 0 {
			return nil, fmt.Errorf("%s:%d: the message of line %d again", file, n, first)
		}
		seen[*line.Message] = n
		examples = append(examples, example{*line.Message, intents})
	}
	if len(examples) == 0 {
		return nil, fmt.Errorf("%s has no messages", file)
	}
	return examples, lines.Err()
}

func write(file string, results []result) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	for _, r := range results {
		got := r.got
		if got == nil {
			got = []intent.Intent{}
		}
		if err := encoder.Encode(example{r.Message, got}); err != nil {
			return err
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}
