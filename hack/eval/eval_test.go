package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsUnderstoodIsCounted(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := filepath.Join(folder, "messages.jsonl")
	content := `{"message":"add milk","intents":[{"op":"create","title":"milk"}]}
{"message":"undo","intents":[{"op":"undo"}]}

{"message":"hello","intents":[{"op":"delete","target":"all"}]}
{"message":"delete 3","intents":[{"op":"chat"}]}
`
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	understood := filepath.Join(folder, "out.jsonl")
	if err := run(t.Context(), []string{"-f", file, "-out", understood, "-interpreter", "rules"}, os.Getenv, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"exact 50.0 % of 4 messages\n", "wrong and destructive: 1\n", "| create | 1 | 100 % | 100 % |",
		"| delete | 1 | 0 % | 0 % |", `"delete 3" (destructive)`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
	again, err := read(understood)
	if err != nil || len(again) != 4 || again[0].Message != "add milk" || again[3].Intents[0].Target != "3" {
		t.Errorf("what was understood is read as %+v, %v", again, err)
	}
	out.Reset()
	if err := run(t.Context(), []string{"-f", understood, "-interpreter", "rules"}, os.Getenv, &out); err != nil || !strings.Contains(out.String(), "exact 100.0 %") {
		t.Errorf("measured against itself: %v\n%s", err, out.String())
	}
}

func TestAFileThatBreaksTheContractIsRefused(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                "no messages",
		"{}":              ":1: want",
		`{"message":"x"}`: ":1: want",
		"not json":        ":1: invalid character",
		`{"message":"x","intents":[{"op":"fly"}]}`:                             ":1: ",
		`{"message":"x","intents":[]}` + "\n" + `{"message":"x","intents":[]}`: ":2: the message of line 1 again",
	} {
		file := filepath.Join(t.TempDir(), "messages.jsonl")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), []string{"-f", file}, os.Getenv, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	if err := run(t.Context(), []string{"-f", "x", "-interpreter", "magic"}, os.Getenv, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "magic") {
		t.Errorf("an interpreter that does not exist: %v", err)
	}
}
