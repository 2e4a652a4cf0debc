package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// say tells of progress. Standard output is for what commands print.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "cluster: "+format+"\n", args...)
}

// tell is how often a long wait says that it goes on.
const tell = 5 * time.Second

// await asks every so often until it is done, an error comes or the limit passes;
// meanwhile it tells what is awaited, and how that stands.
func await(ctx context.Context, what string, every, limit time.Duration, ask func() (state string, done bool, err error)) error {
	begin := time.Now()
	told := begin
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		state, done, err := ask()
		if err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		if done {
			return nil
		}
		if time.Since(begin) > limit {
			return fmt.Errorf("wait for %s: not within %s: %s", what, limit, state)
		}
		if time.Since(told) >= tell {
			told = time.Now()
			say("%s", strings.TrimSuffix(elapsed(begin)+": waiting for "+what+": "+state, ": "))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
}

// elapsed is the time since begin as minutes and seconds.
func elapsed(begin time.Time) string {
	d := time.Since(begin).Round(time.Second)
	return fmt.Sprintf("%d:%02d", d/time.Minute, d%time.Minute/time.Second)
}
