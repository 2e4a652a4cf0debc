package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheTimeOfOthersIsWhatWeAndOurChildrenDidNotUse(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		file := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// pid (name) state parent … utime stime cutime cstime …
	write("stat", "cpu  1000 0 0 500 0 0 0 0 77 77\ncpu0 1 1 1 1\n")
	write("1/stat", "1 (init) S 0 0 0 0 0 0 0 0 0 0 400 0 0 0 20\n")
	write("10/stat", "10 (bench) S 1 0 0 0 0 0 0 0 0 0 10 10 0 0 20\n")
	write("11/stat", "11 (post) gres) S 10 0 0 0 0 0 0 0 0 0 30 0 50 0 20\n")
	write("12/stat", "12 (other) S 1 0 0 0 0 0 0 0 0 0 500 0 0 0 20\n")
	before, err := readCPUTime(proc, 10)
	if err != nil {
		t.Fatal(err)
	}
	if want := (cpuTime{all: 1500, busy: 1000, ours: 100}); before != want {
		t.Errorf("got %+v, want %+v", before, want)
	}
	write("stat", "cpu  1100 20 10 550 10 5 5 0 99 99\n")
	write("10/stat", "10 (bench) S 1 0 0 0 0 0 0 0 0 0 20 10 40 20 20\n")
	after, err := readCPUTime(proc, 10)
	if err != nil {
		t.Fatal(err)
	}
	// 200 ticks went by: 60 idle, 70 ours, and so 70 of others.
	if got, want := after.others(before), 70.0/200; got != want {
		t.Errorf("others had %v, want %v", got, want)
	}
}
