// Command bench measures the functions against the limits of the machine it
// runs on: each figure stands beside its limit, taken in the same run, the two
// sides in turn. A rate means little on another machine; a ratio does.
//
// It starts what it measures: a private PostgreSQL with the settings of a real
// one (fsync on, for both sides), and the programs as they ship. The load comes
// from the same cores, on both sides alike: pgbench's as well as ours.
//
// Where the limit is pgbench, its script is made from what the todo function
// was seen to send to the server (record.go, script.go), so that the two cannot
// drift apart.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are what the command line decides.
type options struct {
	rounds int           // how often each side has its turn
	round  time.Duration // how long a turn is
	starts int           // of each program
	only   string        // the one measurement to take; empty means all
	json   string        // a file for the figures; empty means none
}

// measurements in the order of the table.
var measurements = []struct {
	name    string
	measure func(context.Context, *bench) ([]figure, error)
}{
	{"start", measureStarts},
	{"create", measureCreate},
	{"read", measureReads},
	{"chat", measureChat},
	{"interpret", measureInterpreting},
	{"memory", measureMemory},
	{"logins", measureLogins},
	{"live", measureLive},
	{"sink", measureSink},
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 2 && args[0] == bareCommand {
		return serveBare(ctx, args[1], os.Getenv)
	}
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(stderr, "bench: "+format+"\n", args...) }
	r, err := measure(ctx, o, say)
	if err != nil {
		return err
	}
	if err := r.print(stdout); err != nil {
		return err
	}
	if o.json == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("encode the figures: %w", err)
	}
	return os.WriteFile(o.json, append(b, '\n'), 0o644)
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	names := make([]string, len(measurements))
	for i, m := range measurements {
		names[i] = m.name
	}
	o := options{rounds: 5, round: 3 * time.Second, starts: 21}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "take fewer and shorter rounds: a look, not a figure to keep")
	flags.StringVar(&o.only, "only", "", "take only one of the measurements: "+strings.Join(names, ", "))
	flags.StringVar(&o.json, "json", "", "write the figures to this `file` as well")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	switch {
	case flags.NArg() > 0:
		return options{}, fmt.Errorf("unknown argument %q", flags.Arg(0))
	case o.only != "" && !slices.Contains(names, o.only):
		return options{}, fmt.Errorf("-only: %q is none of %s", o.only, strings.Join(names, ", "))
	case *quick:
		o.rounds, o.round, o.starts = 3, time.Second, 7
	}
	return o, nil
}

// measure starts all that is needed, takes the measurements and stops it again.
func measure(ctx context.Context, o options, say func(string, ...any)) (_ report, err error) {
	b, err := open(ctx, o, say)
	if err != nil {
		return report{}, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r := report{Machine: b.machine}
	began, watched := readCPUTime("/proc", os.Getpid())
	for _, m := range measurements {
		if o.only != "" && o.only != m.name {
			continue
		}
		say("measuring: %s", m.name)
		before, _ := readCPUTime("/proc", os.Getpid())
		figures, err := m.measure(ctx, b)
		if err != nil {
			return report{}, fmt.Errorf("measure %s: %w", m.name, err)
		}
		if after, err := readCPUTime("/proc", os.Getpid()); err == nil {
			say("measured: %s; other work had %.0f %% of the processors", m.name, 100*after.others(before))
		}
		r.Figures = append(r.Figures, figures...)
	}
	if ended, err := readCPUTime("/proc", os.Getpid()); err == nil && watched == nil {
		others := ended.others(began)
		r.Others = &others
	}
	return r, nil
}
