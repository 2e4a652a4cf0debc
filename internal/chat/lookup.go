package chat

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/todo"
)

// Lookup is what must be read before an intent can be resolved: one todo, or
// those that a query finds.
type Lookup struct {
	Number int         // one todo, if not zero
	Query  *todo.Query // or a list
	All    bool        // every page of it
	Else   *todo.Query // if that finds nothing: where misspelt words may be found
}

// Found is what a Lookup found. A todo that is not there yields none.
type Found struct {
	Todos []todo.Todo
	Total int
}

// candidates is how many todos a search by words looks at.
const candidates = 20

// Lookups returns what must be read for each intent, by its index. now is in
// the person's time zone.
func Lookups(intents []intent.Intent, c Context, now time.Time) map[int]Lookup {
	deletions, bulk := 0, false
	for _, i := range intents {
		if i.Op == intent.Delete {
			deletions++
		}
		bulk = bulk || namesTodo(i.Op) && readTarget(i.Target).all
	}
	bulk = bulk || deletions > 1 // deletions are going to be proposed
	lookups := make(map[int]Lookup)
	for n, i := range intents {
		if !namesTodo(i.Op) {
			continue
		}
		t := readTarget(i.Target)
		switch {
		case t.all:
			if q, err := queryOf(i.Filter, now); err == nil {
				q.Limit = 100
				lookups[n] = Lookup{Query: &q, All: true}
			}
		case t.it && c.It != 0, t.number != 0, t.position != 0 && len(c.Shown) > 0:
			// A number is enough to act on, unless the act needs what is there.
			if number, ok := t.numberIn(c); ok && (i.Op == intent.Delete && bulk || i.Op == intent.Update && len(i.Tags) > 0) {
				lookups[n] = Lookup{Number: number}
			}
		case t.position != 0:
			lookups[n] = Lookup{Query: &todo.Query{Limit: candidates, Sort: todo.SortCreated}}
		case t.words != "":
			lookups[n] = Lookup{
				Query: &todo.Query{Limit: candidates, Search: clip(t.words, 200)},
				Else:  &todo.Query{Limit: 100, Sort: todo.SortCreated},
			}
		}
	}
	return lookups
}

func namesTodo(op intent.Op) bool {
	return op == intent.Complete || op == intent.Reopen || op == intent.Update || op == intent.Delete
}

// target is how a message names a todo; one member is set.
type target struct {
	number   int
	position int // in the list last shown, from 1; -1 is its last
	it       bool
	all      bool
	words    string
}

var positions = map[string]int{
	"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5,
	"sixth": 6, "6th": 6, "seventh": 7, "7th": 7, "eighth": 8, "8th": 8, "ninth": 9, "9th": 9, "tenth": 10, "10th": 10,
	"last": -1,
}

func readTarget(s string) target {
	words := coreWords(s)
	if n, err := strconv.Atoi(strings.TrimPrefix(words, "#")); err == nil && n > 0 {
		return target{number: n}
	}
	if n := spelledNumber(strings.ToLower(strings.TrimSpace(s))); n > 0 {
		return target{number: n}
	}
	if p := positions[words]; p != 0 {
		return target{position: p}
	}
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "it", "that", "this", "that one", "this one":
		return target{it: true}
	case "all", "everything":
		return target{all: true}
	}
	return target{words: words}
}

// spelledNumber reads "four" and "number four", as dictation writes them. A lone
// "one" is no number: it stands for a todo spoken of.
func spelledNumber(words string) int {
	for _, lead := range [...]string{"number ", "todo ", "task ", "item "} {
		if rest, ok := strings.CutPrefix(words, lead); ok {
			return 1 + slices.Index(numerals, rest)
		}
	}
	if words == "one" {
		return 0
	}
	return 1 + slices.Index(numerals, words)
}

var numerals = []string{
	"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
	"fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
}

// numberIn returns the number that the target stands for in the conversation,
// as far as it tells.
func (t target) numberIn(c Context) (int, bool) {
	switch {
	case t.number != 0:
		return t.number, true
	case t.it:
		return c.It, c.It != 0
	case t.position == -1 && len(c.Shown) > 0:
		return c.Shown[len(c.Shown)-1], true
	case t.position > 0 && t.position <= len(c.Shown):
		return c.Shown[t.position-1], true
	}
	return 0, false
}

// coreWords drops what says nothing about a todo: "the yoga one" is "yoga".
func coreWords(s string) string {
	words := strings.Fields(strings.ToLower(strings.Trim(s, ` .,!?"'“”‘’`)))
	for len(words) > 1 && isOneOf(words[0], "the", "a", "an", "my") {
		words = words[1:]
	}
	for len(words) > 1 && isOneOf(words[len(words)-1], "one", "ones", "task", "tasks", "todo", "todos", "item", "items", "thing") {
		words = words[:len(words)-1]
	}
	return strings.Join(words, " ")
}

func isOneOf(s string, options ...string) bool {
	for _, o := range options {
		if s == o {
			return true
		}
	}
	return false
}

// queryOf turns a filter into a query. It fails for a phrase of time that
// nobody understands.
func queryOf(f *intent.Filter, now time.Time) (todo.Query, error) {
	q := todo.Query{Limit: candidates, Sort: todo.SortCreated}
	if f == nil {
		return q, nil
	}
	switch f.Status {
	case "open":
		q.Status = todo.Pending
	case "completed":
		q.Status = todo.Completed
	}
	q.Priority, q.Tag, q.Search = todo.Priority(f.Priority), clip(f.Tag, todo.MaxTag), clip(f.Query, 200)
	switch phrase := strings.ToLower(strings.TrimSpace(f.Due)); {
	case phrase == "":
		return q, nil
	case strings.Contains(phrase, "overdue") || phrase == "late":
		q.Due = todo.DueOverdue
	default:
		from, to, err := intent.ResolveRange(f.Due, now)
		if err != nil {
			return todo.Query{}, err
		}
		q.DueAfter, q.DueBefore = dayBeside(from, -1), dayBeside(to, 1)
	}
	q.Sort = todo.SortDue
	return q, nil
}

// dayBeside returns the day some days after one that ResolveRange gave; an
// open end stays open.
func dayBeside(day string, days int) todo.Due {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return todo.Due{}
	}
	return todo.Due{On: t.AddDate(0, 0, days)}
}

// clip cuts s to a number of characters.
func clip(s string, most int) string {
	for i := range s {
		if most == 0 {
			return s[:i]
		}
		most--
	}
	return s
}
