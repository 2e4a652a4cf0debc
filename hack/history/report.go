package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// counts says how often each thing happened, by its name.
type counts map[string]int

// tally counts the outcomes of a run.
func tally(r record, v verdict) counts {
	n := counts{
		"kills": r.Kills, "times that all connections to the database were cut": r.Slams,
		"writes without a known outcome: took effect": v.done,
		"writes without a known outcome: did not":     v.undone,
	}
	keys := map[string]int{}
	for _, q := range r.Requests {
		n["requests"]++
		switch {
		case q.Outcome == unknown && q.Status == 0:
			n["unknown: no answer"]++
		case q.Outcome == unknown:
			n[fmt.Sprintf("unknown: %d", q.Status)]++
		case q.Outcome == refused:
			n[fmt.Sprintf("refused: %d %s", q.Status, q.Fault)]++
		case len(q.Ops) == 0:
			n["acknowledged: reads"]++
		default:
			n["acknowledged: writes"]++
		}
		if q.Key != "" {
			keys[q.Account.String()+q.Key]++
		}
	}
	for _, times := range keys {
		if times > 1 {
			n["keys used more than once"]++
		}
	}
	for _, l := range r.Ledgers {
		n["changes"] += len(l.Stored.Changes)
		n["todos at the end"] += len(l.Stored.Todos)
	}
	return n
}

func (n counts) print(w io.Writer) {
	for _, name := range slices.Sorted(maps.Keys(n)) {
		fmt.Fprintf(w, "%8d  %s\n", n[name], name)
	}
}

// summary counts violations by their kind.
func summary(found []violation) string {
	if len(found) == 0 {
		return "no violation"
	}
	n := map[kind]int{}
	for _, v := range found {
		n[v.Kind]++
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, n[k]))
	}
	return "violations: " + strings.Join(parts, ", ")
}

// explain tells of the first violations, with the requests that are involved.
func explain(w io.Writer, found []violation) error {
	const most = 10
	for _, v := range found[:min(most, len(found))] {
		fmt.Fprintln(w, v)
	}
	if len(found) > 0 {
		return fmt.Errorf("%d violations", len(found))
	}
	return nil
}

func (v violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s: account %s", v.Kind, v.Account)
	if v.Seq != 0 {
		fmt.Fprintf(&b, ", change %d", v.Seq)
	}
	fmt.Fprintf(&b, ": %s", v.What)
	for _, q := range v.Requests {
		fmt.Fprintf(&b, "\n  %s", q)
	}
	return b.String()
}
