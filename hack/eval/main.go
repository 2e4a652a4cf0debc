// Command eval measures how well an interpreter understands messages.
//
//	go run ./hack/eval -f FILE.jsonl [-out FILE] [-interpreter auto|rules|intent|ollama:NAME]
//
// Each line of FILE is {"message":"…","intents":[…]}, where intents are what the
// message means. -out writes what was understood, in the same form. A model is
// asked at OLLAMA_HOST; without that, auto and intent have an Ollama of their
// own, which is compiled if there is none.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/todochat/todochat/hack/ollamaserver"
	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/interpreter"
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
	name := flags.String("interpreter", "auto", "auto, rules, intent or ollama:NAME")
	wrong := flags.Bool("wrong", false, "show the messages that were not understood")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case *file == "":
		return errors.New("-f FILE.jsonl is missing")
	}
	config := interpreter.Config{Name: *name, Host: getenv("OLLAMA_HOST"), Deadline: deadline, AtOnce: 1}
	if _, err := interpreter.New(config); err != nil {
		return fmt.Errorf("-interpreter: %w", err)
	}
	cases, err := read(*file)
	if err != nil {
		return err
	}
	reader, stop, err := start(ctx, config)
	if err != nil {
		return err
	}
	defer stop()
	results := make([]result, 0, len(cases))
	for _, c := range cases {
		began := time.Now()
		reading := reader.Interpret(ctx, c.Message)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		results = append(results, result{c, reading.Intents, reading.Notice != "", time.Since(began)})
	}
	if *understood != "" {
		if err := write(*understood, results); err != nil {
			return err
		}
	}
	_, err = io.WriteString(out, report(results, *wrong))
	return err
}

// deadline is long: a model is measured here, not a person's patience.
const deadline = time.Minute

// start returns an interpreter that is ready, and what ends what was started
// for it: an Ollama of its own when it needs one and the address of none is
// given.
func start(ctx context.Context, c interpreter.Config) (_ *interpreter.Interpreter, stop func(), err error) {
	stop = func() {}
	if c.Host == "" && (c.Name == "auto" || c.Name == "intent") {
		if c.Host, stop, err = privateOllama(ctx); err != nil {
			return nil, nil, err
		}
	}
	i, err := interpreter.New(c)
	if err == nil {
		err = i.Prepare(ctx)
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	return i, stop, nil
}

func privateOllama(ctx context.Context) (host string, stop func(), err error) {
	program, err := ollamaserver.FindOrBuild(ctx, os.Stderr)
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "eval-ollama-")
	if err != nil {
		return "", nil, err
	}
	server, err := ollamaserver.Start(ctx, ollamaserver.Options{Program: program, Dir: dir})
	if err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return server.Host, func() {
		server.Stop()
		_ = os.RemoveAll(dir) // of no use to anyone
	}, nil
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
