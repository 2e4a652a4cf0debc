package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/todochat/todochat/internal/intent"
)

// result is what became of one message.
type result struct {
	example
	got    []intent.Intent
	lesser bool // another interpreter answered than the one that is measured
	took   time.Duration
}

func (r result) exact() bool { return intent.Equal(r.Intents, r.got) }

// ops are in the order of the table.
var ops = []intent.Op{
	intent.Create, intent.List, intent.Complete, intent.Reopen, intent.Update, intent.Delete,
	intent.Undo, intent.Ask, intent.Help, intent.Chat, intent.Unsupported,
}

// report says how many messages were understood exactly, how well each op was,
// and what would have done harm.
func report(results []result, wrong bool) string {
	var b strings.Builder
	exact, lesser, destructive := 0, 0, []result(nil)
	var took []time.Duration
	for _, r := range results {
		took = append(took, r.took)
		if r.exact() {
			exact++
		}
		if r.lesser {
			lesser++
		}
		if intent.WrongDestructive(r.Intents, r.got) {
			destructive = append(destructive, r)
		}
	}
	slices.Sort(took)
	fmt.Fprintf(&b, "exact %.1f %% of %d messages\n", percent(exact, len(results)), len(results))
	if lesser > 0 {
		fmt.Fprintf(&b, "no answer, or none that makes sense, so the rules read them: %d\n", lesser)
	}
	fmt.Fprintf(&b, "wrong and destructive: %d\n", len(destructive))
	fmt.Fprintf(&b, "latency p50 %v, p95 %v\n\n", quantile(took, 0.5), quantile(took, 0.95))
	b.WriteString("| op | in the messages | precision | recall |\n|---|---|---|---|\n")
	for _, op := range ops {
		s := scoreOf(op, results)
		if s.wanted > 0 || s.found > 0 {
			fmt.Fprintf(&b, "| %s | %d | %s | %s |\n", op, s.wanted, share(s.right, s.found), share(s.right, s.wanted))
		}
	}
	for _, r := range results {
		bad := intent.WrongDestructive(r.Intents, r.got)
		if !wrong && !bad || r.exact() {
			continue
		}
		mark := ""
		if bad {
			mark = " (destructive)"
		}
		fmt.Fprintf(&b, "\n%q%s\n  want %s\n  got  %s\n", r.Message, mark, text(r.Intents), text(r.got))
	}
	return b.String()
}

// score counts intents of one op: those of the messages, those that were found,
// and those that were found as they are in the message.
type score struct{ wanted, found, right int }

func scoreOf(op intent.Op, results []result) (s score) {
	for _, r := range results {
		left := slices.Clone(r.got)
		for _, want := range r.Intents {
			if want.Op != op {
				continue
			}
			s.wanted++
			same := func(got intent.Intent) bool { return intent.Equal([]intent.Intent{want}, []intent.Intent{got}) }
			if i := slices.IndexFunc(left, same); i >= 0 {
				s.right++
				left = slices.Delete(left, i, i+1)
			}
		}
		for _, got := range r.got {
			if got.Op == op {
				s.found++
			}
		}
	}
	return s
}

func percent(n, of int) float64 { return 100 * float64(n) / float64(of) }

func share(n, of int) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", percent(n, of))
}

// quantile of at least one sorted value.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1))].Round(time.Microsecond)
}

func text(intents []intent.Intent) string {
	content, err := json.Marshal(intents)
	if err != nil {
		return err.Error()
	}
	return string(content)
}
