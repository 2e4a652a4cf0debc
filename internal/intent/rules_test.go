package intent

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// example is one line of testdata/rules.jsonl.
type example struct {
	Message string   `json:"message"`
	Intents []Intent `json:"intents"`
}

func readExamples(tb testing.TB) []example {
	tb.Helper()
	f, err := os.Open("testdata/rules.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var all []example
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e example
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			tb.Fatalf("line %d: %v", len(all)+1, err)
		}
		all = append(all, e)
	}
	return all
}

func TestRulesReadEveryExampleExactly(t *testing.T) {
	t.Parallel()
	examples := readExamples(t)
	if len(examples) < 250 {
		t.Fatalf("%d examples, want at least 250", len(examples))
	}
	for _, e := range examples {
		got := Rules(e.Message)
		if !Equal(got, e.Intents) {
			t.Errorf("Rules(%q) (-want +got):\n%s", e.Message, cmp.Diff(e.Intents, got))
		}
		if WrongDestructive(e.Intents, got) {
			t.Errorf("Rules(%q) would do harm that was not asked for: %v", e.Message, got)
		}
	}
}

func TestExamplesDifferAndCoverEveryOperation(t *testing.T) {
	t.Parallel()
	seen, covered := map[string]bool{}, map[Op]int{}
	for _, e := range readExamples(t) {
		if seen[e.Message] {
			t.Errorf("%q stands twice", e.Message)
		}
		seen[e.Message] = true
		for _, i := range e.Intents {
			covered[i.Op]++
		}
	}
	for _, op := range ops() {
		if covered[op] < 5 {
			t.Errorf("%d examples of %s, want at least 5", covered[op], op)
		}
	}
}

func TestBlankMessageMeansNothing(t *testing.T) {
	t.Parallel()
	for _, message := range []string{"", " ", "\n\t  \n"} {
		if got := Rules(message); got != nil {
			t.Errorf("Rules(%q) = %v, want nil", message, got)
		}
	}
}

func TestPoliteWordsChangeNothing(t *testing.T) {
	t.Parallel()
	before := []string{"please ", "could you please ", "Can you ", "hey, ", "ok, ", "would you mind and ", "I'd like you to ", "HI, CAN YOU "}
	after := []string{"", " please", ", thanks!", " thank you", " for me"}
	for _, command := range []string{"add oat milk", "delete 3", "mark 2 as done", "move 4 to friday", "reopen 5", "tag 6 as home"} {
		want := Rules(command)
		for _, b := range before {
			for _, a := range after {
				if got := Rules(b + command + a); !Equal(got, want) {
					t.Errorf("Rules(%q) (-want +got):\n%s", b+command+a, cmp.Diff(want, got))
				}
			}
		}
	}
}

func TestTitleHoldsAnyCommandVerbatim(t *testing.T) {
	t.Parallel()
	for _, title := range []string{
		"remove the old wallpaper", "delete my account at the gym", "list the car for sale", "listen to the album", "undo the knots",
		"complete the puzzle", "reopen the shop", "rename the cat", "show Łukasz the way", "help Zoë move", "mark the trail",
		"share the cake", "print the tickets", "text Omar", "clear the attic", "ignore previous instructions", "drop table users",
		"<script>alert(1)</script>", "کتاب پڑھنا", "🎉 party",
	} {
		want := []Intent{{Op: Create, Title: title}}
		if got := Rules("add " + title); !Equal(got, want) {
			t.Errorf("Rules(%q) (-want +got):\n%s", "add "+title, cmp.Diff(want, got))
		}
		if got := Rules(`add "` + title + `"`); !Equal(got, want) {
			t.Errorf("Rules(%q) (-want +got):\n%s", `add "`+title+`"`, cmp.Diff(want, got))
		}
	}
}

func TestDoubtNeverActs(t *testing.T) {
	t.Parallel()
	for _, message := range []string{
		"should I delete 3?", "don't complete 4", "I would never delete everything", "what happens if I delete everything?",
		"why did you delete 3?", "can I delete several at once?", "did you delete the report?", "delete", "complete", "mark as done",
		"delete everything except the essay", "the delete key is broken", "I deleted my account", "is it done?", "are you done?",
		"mark", "undone", "everything is awful", "move", "rename", "she finished the race", "not 3", "all", "3", "it",
	} {
		for _, i := range Rules(message) {
			if slices.Contains([]Op{Delete, Complete, Reopen, Update}, i.Op) {
				t.Errorf("Rules(%q) acts: %+v", message, i)
			}
		}
	}
}

func TestLongMessagesTakeLittleTime(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"a ", "and ", "add milk, ", "delete 3 and ", "tomorrow ", "'", "\"x", "is done ", "every ", "#a ", "move x to ", "😀", "the first of ", "1/2 ", "; ", "\x80"} {
		message := strings.Repeat(unit, 4000/len(unit))
		start := time.Now()
		Rules(message)
		if took := time.Since(start); took > time.Second {
			t.Errorf("%q repeated to 4,000 bytes took %v", unit, took)
		}
	}
}

// commandWords are the stems without which no message may change a todo.
var commandWords = []string{
	"delet", "delte", "dlete", "deelte", "remov", "eras", "discard", "del", "rm", "scrap", "purge", "nix", "axe", "trash", "bin", "ditch", "scratch", "drop", "rid", "take",
	"strike", "cross", "kick", "throw", "knock", "forget", "need", "can", "should", "clear", "empty", "wipe", "reset", "cancel", "kill", "toss", "dump", "lose", "withdraw",
	"abandon", "skip", "zap", "eliminate", "destroy", "chuck", "sweep", "clean", "away", "nuke",
}

// completeWords and reopenWords are the same for the other two states.
var (
	completeWords = []string{
		"done", "complet", "complte", "finish", "fnish", "finsh", "through", "tick", "check", "cross", "strike", "scratch", "knock", "mark", "close", "resolve", "wrap",
		"sorted", "care of", "over with", "dealt", "handled", "out of the way", "managed", "got around", "got round", "remembered",
	}
	reopenWords = []string{
		"open", "un", "not", "n’t", "n't", "nt", "back", "never", "again", "todo", "to do", "to-do", "re-", "re", "pending", "active", "incomplete", "outstanding", "still",
	}
)

func FuzzRules(f *testing.F) {
	for _, e := range readExamples(f) {
		f.Add(e.Message)
	}
	f.Add("delete '3 \xff and “")
	f.Fuzz(func(t *testing.T, message string) {
		if len(message) > 4000 {
			return
		}
		for _, i := range Rules(message) {
			for _, span := range spans(i) {
				if !copied(message, span) {
					t.Errorf("Rules(%q): %q is not copied from the message", message, span)
				}
			}
			if i.Op == Delete && !saysAny(message, commandWords) {
				t.Errorf("Rules(%q) deletes unasked: %+v", message, i)
			}
			if i.Op == Complete && !saysAny(message, completeWords) && !slices.ContainsFunc(scan(message).tokens, isPast) {
				t.Errorf("Rules(%q) completes unasked: %+v", message, i)
			}
			if i.Op == Reopen && !saysAny(message, reopenWords) {
				t.Errorf("Rules(%q) reopens unasked: %+v", message, i)
			}
			if i.Op == Create && i.Title == "" {
				t.Errorf("Rules(%q) creates nothing: %+v", message, i)
			}
		}
	})
}

func spans(i Intent) []string {
	f := i.filter()
	all := append([]string{i.Title, i.Due, f.Due, f.Tag, f.Query}, i.Tags...)
	if i.Target != "all" && i.Target != "it" {
		all = append(all, i.Target)
	}
	return all
}

// copied reports that every word of the span stands in the message, in order.
func copied(message, span string) bool {
	for _, word := range strings.Fields(span) {
		_, rest, found := strings.Cut(message, word)
		if !found {
			return false
		}
		message = rest
	}
	return true
}

func saysAny(message string, words []string) bool {
	message = strings.ToLower(message)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(message, w) })
}

func BenchmarkRules(b *testing.B) {
	examples := readExamples(b)
	Rules("warm up")
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		Rules(examples[n%len(examples)].Message)
		n++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
