package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// figure is one quantity of all rounds.
type figure []time.Duration

func collect(all []round, of func(round) time.Duration) figure {
	var f figure
	for _, r := range all {
		f = append(f, of(r))
	}
	slices.Sort(f)
	return f
}

// median is that of at least one value.
func (f figure) median() time.Duration { return (f[(len(f)-1)/2] + f[len(f)/2]) / 2 }

func (f figure) String() string {
	return fmt.Sprintf("%.2f s (%.2f–%.2f)", f.median().Seconds(), f[0].Seconds(), f[len(f)-1].Seconds())
}

// report is a table in Markdown: medians, and the least and the most.
func report(all []round) string {
	hello := collect(all, func(r round) time.Duration { return r.hello })
	todo := collect(all, func(r round) time.Duration { return r.todo.answered })
	page := collect(all, func(r round) time.Duration { return r.page })
	var b strings.Builder
	fmt.Fprintf(&b, "%d rounds; medians, and the least and the most\n\n", len(all))
	fmt.Fprintln(&b, "| from zero replicas | time | beside it | ratio | target |\n|---|---|---|---|---|")
	fmt.Fprintf(&b, "| hello | %v | | | |\n", hello)
	ratio := todo.median().Seconds() / hello.median().Seconds()
	fmt.Fprintf(&b, "| todo: `/api/health` | %v | hello | %.2f | ≤ 1.3 |\n", todo, ratio)
	ratio = page.median().Seconds() / (2 * hello.median().Seconds())
	fmt.Fprintf(&b, "| the page with its list | %v | two hellos | %.2f | ≤ 1.3 |\n", page, ratio)

	fmt.Fprintln(&b, "\n| todo, from the request on | after |\n|---|---|")
	for _, row := range []struct {
		name string
		of   func(phases) time.Duration
	}{
		{"its pod is made", func(p phases) time.Duration { return p.made }},
		{"it has a node", func(p phases) time.Duration { return p.scheduled }},
		{"its containers run", func(p phases) time.Duration { return p.running }},
		{"it is ready", func(p phases) time.Duration { return p.ready }},
		{"the answer is there", func(p phases) time.Duration { return p.answered }},
		{"of which the function had the request, database included", func(p phases) time.Duration { return p.query }},
	} {
		f := collect(all, func(r round) time.Duration { return row.of(r.todo) })
		fmt.Fprintf(&b, "| %s | %.3f s (%.3f–%.3f) |\n", row.name, f.median().Seconds(), f[0].Seconds(), f[len(f)-1].Seconds())
	}
	return b.String()
}
