package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/todochat/todochat/internal/pgtest"
	"github.com/todochat/todochat/internal/stacktest"
)

// runTime bounds a run, so that a system that hangs is a failure and not the
// limit of all tests.
const runTime = 3 * time.Minute

// recordOf plays a run against programs on a database of its own.
func recordOf(t *testing.T, programs stacktest.Programs, requests int) record {
	t.Helper()
	d := pgtest.New(t)
	ctx, cancel := context.WithTimeout(t.Context(), runTime)
	defer cancel()
	o := options{requests: requests, clients: 12, accounts: 3, seed: uint64(requests)}
	r, faults, err := play(ctx, o, programs, database{d.Owner, d.Todo})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && len(faults) > 0 {
			t.Logf("the replicas' logs:\n%s", strings.Join(faults, "\n"))
		}
	})
	return r
}

func build(t *testing.T, flags ...string) stacktest.Programs {
	t.Helper()
	programs, err := buildTodo(t.Context(), flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(programs.Dir) })
	return programs
}

func TestNoPromiseIsBrokenByCutsAndKills(t *testing.T) {
	t.Parallel()
	r := recordOf(t, build(t), 3000)
	v := check(r)
	for _, violation := range v.found {
		t.Error(violation)
	}
	n := tally(r, v)
	for _, what := range []string{
		"acknowledged: writes", "acknowledged: reads", "unknown: no answer", "unknown: 503", "keys used more than once", "kills",
		"writes without a known outcome: took effect", "writes without a known outcome: did not",
		"refused: 404 not-found", "refused: 409 conflict", "refused: 412 stale", "refused: 422 idempotency-key",
	} {
		if n[what] == 0 {
			t.Errorf("%q happened in none of %d requests: the run shows nothing about it", what, n["requests"])
		}
	}
}

const (
	apply = "internal/postgres/apply.go"

	sendingOfReads = "\tif err := conn.SendBatch(ctx, b).Close(); err != nil {\n\t\treturn todo.State{}, nil, "

	// What follows "begin" is the lock.
	lockLast = "\tb.QueuedQueries = append(append(b.QueuedQueries[:1:1], b.QueuedQueries[2:]...), b.QueuedQueries[1])\n"
)

// TestABrokenFunctionIsFoundOut breaks the function in ways that its database's
// constraints do not see, or see only by chance, and runs it as it would be run.
func TestABrokenFunctionIsFoundOut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edits []edit
		want  kind
	}{
		"the account's row is not locked": {
			[]edit{{apply, "where id = $1 for no key update`", "where id = $1`"}}, failed,
		},
		"the lock is taken after reading": {
			[]edit{{apply, sendingOfReads, lockLast + sendingOfReads}}, rewritten,
		},
		"keys are not kept": {
			[]edit{{apply, "if r.key != \"\" {\n\t\tids :=", "if false {\n\t\tids :="}}, twice,
		},
		"some writes are answered and not committed": {
			[]edit{{apply, `b.Queue("commit")`, `b.Queue(map[bool]string{true: "rollback", false: "commit"}[r.now.UnixMicro()%16 == 0])`}}, lost,
		},
		"If-Match is ignored": {
			[]edit{{"internal/todo/decide.go", "if match != 0 && int64(match) != t.Version {", "if false {"}}, staleWon,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := check(recordOf(t, build(t, "-overlay="+overlay(t, test.edits)), 1500)).found
			if !slices.ContainsFunc(found, func(v violation) bool { return v.Kind == test.want }) {
				t.Errorf("found %s, want some of %s", summary(found), test.want)
			}
			t.Log(summary(found))
		})
	}
}

// edit replaces what stands in a file once.
type edit struct{ file, old, new string }

// overlay writes what go build takes in the place of the files that are edited.
func overlay(t *testing.T, edits []edit) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	edited := map[string]string{}
	for _, e := range edits {
		content, ok := edited[e.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				t.Fatal(err)
			}
			content = string(b)
		}
		if n := strings.Count(content, e.old); n != 1 {
			t.Fatalf("%s has %q %d times, want once: this test must follow it", e.file, e.old, n)
		}
		edited[e.file] = strings.Replace(content, e.old, e.new, 1)
	}
	var list struct{ Replace map[string]string }
	list.Replace = map[string]string{}
	for file, content := range edited {
		name := filepath.Join(dir, filepath.Base(file))
		write(t, name, []byte(content))
		list.Replace[filepath.Join(root, file)] = name
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	write(t, name, b)
	return name
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
