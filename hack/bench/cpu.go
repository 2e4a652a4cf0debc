package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpuTime is what the processors have spent until now, in clock ticks. Figures
// are worth little when others had much of it.
type cpuTime struct {
	all  float64 // idle or busy
	busy float64
	ours float64 // of us and of all that we started
}

// readCPUTime reads what Linux tells below /proc.
func readCPUTime(proc string, us int) (cpuTime, error) {
	var t cpuTime
	content, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return cpuTime{}, err
	}
	line, _, _ := bytes.Cut(content, []byte("\n"))
	// user nice system idle iowait irq softirq steal; guests count as user
	for i, field := range strings.Fields(string(line)) {
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil || i > 8 {
			continue
		}
		t.all += ticks
		if i != 4 && i != 5 {
			t.busy += ticks
		}
	}
	if t.all == 0 {
		return cpuTime{}, errors.New("/proc/stat has no times")
	}
	files, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "stat"))
	if err != nil {
		return cpuTime{}, err
	}
	type process struct {
		parent int
		ticks  float64
	}
	processes := make(map[int]process)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil { // it has ended
			continue
		}
		// The name, in parentheses, may hold anything.
		fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || len(fields) < 15 {
			continue
		}
		p := process{}
		if p.parent, err = strconv.Atoi(fields[1]); err != nil {
			continue
		}
		for _, field := range fields[11:15] { // its own time, and that of its children that have ended
			if ticks, err := strconv.ParseFloat(field, 64); err == nil {
				p.ticks += ticks
			}
		}
		processes[id] = p
	}
	for id, p := range processes {
		for above := id; above > 1; above = processes[above].parent {
			if above == us {
				t.ours += p.ticks
				break
			}
		}
	}
	return t, nil
}

// others is the share of the processors' time that others had since earlier,
// from 0 to 1.
func (t cpuTime) others(earlier cpuTime) float64 {
	all := t.all - earlier.all
	if all <= 0 {
		return 0
	}
	return max(0, (t.busy-earlier.busy)-(t.ours-earlier.ours)) / all
}

// What counts as quiet, how long that is watched, and how long a run waits for
// it in all.
const (
	quietShare = 0.2
	quietWatch = 250 * time.Millisecond
	quietWait  = 90 * time.Second
)

// settle waits until other work leaves the processors alone, or until the run
// has waited long enough. It comes before each round, and takes no time where
// nobody can tell.
func (b *bench) settle(ctx context.Context) error {
	for b.waited < quietWait {
		before, err := readCPUTime("/proc", os.Getpid())
		if err != nil {
			return nil
		}
		if err := sleepUntil(ctx, time.Now().Add(quietWatch)); err != nil {
			return err
		}
		after, err := readCPUTime("/proc", os.Getpid())
		if err != nil || after.others(before) < quietShare {
			return nil
		}
		b.waited += quietWatch
	}
	return nil
}
