package main

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/interpreter"
	"github.com/todochat/todochat/internal/ollamatest"
)

// row matches a row of the table in docs/assistant.md: an interpreter, and for
// dev and test the share of exact messages and how many were wrong and
// destructive.
var row = regexp.MustCompile(`(?m)^\| (rules|intent|auto) \| ([\d.]+) % \| (\d+) \| ([\d.]+) % \| (\d+) \|`)

// TestTheTableIsTrue measures again what docs/assistant.md says.
func TestTheTableIsTrue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/assistant.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := row.FindAllStringSubmatch(string(page), -1)
	if len(rows) != 3 {
		t.Fatalf("docs/assistant.md has %d rows of figures, want 3", len(rows))
	}
	host := ollamatest.Start(t).Host
	for _, r := range rows {
		i, err := interpreter.New(interpreter.Config{Name: r[1], Host: host, AtOnce: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		for n, split := range []string{"dev", "test"} {
			exact, destructive := measure(t, i, "testdata/"+split+".jsonl")
			// Processors round differently: a model may choose otherwise between
			// two that are as probable. The rules may not.
			slack := 0.06
			harm := 0
			if r[1] != "rules" {
				slack, harm = 1.5, 2
			}
			written, err := strconv.ParseFloat(r[2+2*n], 64)
			if err != nil {
				t.Fatal(err)
			}
			writtenHarm, err := strconv.Atoi(r[3+2*n])
			if err != nil {
				t.Fatal(err)
			}
			if exact < written-slack || exact > written+slack || destructive > writtenHarm+harm || destructive < writtenHarm-harm {
				t.Errorf("%s on %s: %.1f %% exact and %d wrong and destructive, but docs/assistant.md says %.1f %% and %d", r[1], split, exact, destructive, written, writtenHarm)
			}
		}
	}
}

// readBy reads a message, again if the model did not answer in time: a machine
// that runs other tests can be slow.
func readBy(t *testing.T, i *interpreter.Interpreter, message string) []intent.Intent {
	t.Helper()
	reading := i.Interpret(context.WithoutCancel(t.Context()), message)
	for range 5 {
		if reading.Notice == "" {
			break
		}
		reading = i.Interpret(context.WithoutCancel(t.Context()), message)
	}
	return reading.Intents
}

func measure(t *testing.T, i *interpreter.Interpreter, file string) (exact float64, destructive int) {
	t.Helper()
	examples, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for _, e := range examples {
		got := readBy(t, i, e.Message)
		if intent.Equal(e.Intents, got) {
			right++
		}
		if intent.WrongDestructive(e.Intents, got) {
			destructive++
		}
	}
	return percent(right, len(examples)), destructive
}
