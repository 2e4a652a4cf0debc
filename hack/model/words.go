package main

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// heldOutOf is how many phrasings and words there are for each that training
// never sees.
const heldOutOf = 20

func isHeldOut(s string) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum32()%heldOutOf == 0
}

// task is something to be done: "water the plants".
type task struct{ base, did, doing, object string }

// date is a phrase and what may stand before it.
type date struct {
	phrase       string
	prepositions []string // "-" is none
}

// lexicon fills slots.
type lexicon struct {
	tasks                               []task
	things, refs, tags, queries, people []string
	tails                               []string // what may stand behind a task
	orders                              []string // messages that a title may be made of
	dates                               []date
}

// readLexicon reads the files of words. A held-out lexicon has the words that
// the other one lacks.
func readLexicon(dir string, heldOut bool) (*lexicon, error) {
	l := &lexicon{}
	for name, list := range map[string]*[]string{"things": &l.things, "refs": &l.refs, "tags": &l.tags, "queries": &l.queries, "people": &l.people, "tails": &l.tails} {
		var err error
		if *list, err = readWords(dir, name, heldOut); err != nil {
			return nil, err
		}
	}
	tasks, err := readWords(dir, "tasks", heldOut)
	if err != nil {
		return nil, err
	}
	for _, line := range tasks {
		f := strings.Split(line, "|")
		if len(f) != 4 {
			return nil, fmt.Errorf("tasks: %q has not four fields", line)
		}
		l.tasks = append(l.tasks, task{f[0], f[1], f[2], f[3]})
	}
	dates, err := readWords(dir, "dates", heldOut)
	if err != nil {
		return nil, err
	}
	for _, line := range dates {
		phrase, before, ok := strings.Cut(line, "|")
		if !ok {
			return nil, fmt.Errorf("dates: %q has not two fields", line)
		}
		l.dates = append(l.dates, date{phrase, strings.Split(before, ",")})
	}
	return l, nil
}

func readWords(dir, name string, heldOut bool) ([]string, error) {
	file, err := os.Open(filepath.Join(dir, name+".txt"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var out []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && isHeldOut(line) == heldOut {
			out = append(out, line)
		}
	}
	return out, lines.Err()
}

// filling is what stands in for a slot; a pointer at the slot points at
// text[from:to].
type filling struct {
	text     string
	from, to int
}

func whole(s string) filling { return filling{s, 0, len(s)} }

// within fills a slot with words around the part that is meant.
func within(before, meant, after string) filling {
	return filling{before + meant + after, len(before), len(before) + len(meant)}
}

func one[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// fill chooses what stands in for a slot. Parts of one task share the choice
// under the slot's digit.
func (l *lexicon) fill(r *rand.Rand, name, digit string, chosen map[string]task) filling {
	t, ok := chosen[digit]
	if !ok {
		t = one(r, l.tasks)
	}
	switch name {
	case "base", "did", "doing", "obj":
		chosen[digit] = t
	}
	switch name {
	case "do":
		return whole(l.longer(r, t.base+" "+t.object, 3))
	case "base":
		return whole(t.base)
	case "did":
		return whole(t.did)
	case "doing":
		return whole(t.doing)
	case "obj":
		return whole(t.object)
	case "thing":
		return whole(l.longer(r, one(r, l.things), 6))
	case "the":
		return l.reference(r)
	case "n":
		return whole(number(r))
	case "ord":
		return whole(ordinal(r))
	case "t":
		return l.target(r)
	case "due":
		return whole(one(r, l.dates).phrase)
	case "when":
		d := one(r, l.dates)
		if p := one(r, d.prepositions); p != "-" {
			return within(p+" ", d.phrase, "")
		}
		return whole(d.phrase)
	case "tag":
		return whole(one(r, l.tags))
	case "q":
		return whole(one(r, l.queries))
	default: // who
		return whole(one(r, l.people))
	}
}

func number(r *rand.Rand) string {
	if r.IntN(8) == 0 {
		return strconv.Itoa(20 + r.IntN(400))
	}
	return strconv.Itoa(1 + r.IntN(20))
}

var ordinals = []string{"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "last"}

func ordinal(r *rand.Rand) string {
	if r.IntN(3) == 0 {
		return "last"
	}
	return one(r, ordinals[:5+r.IntN(7)])
}

// longer puts a tail, or two, behind one of so many titles.
func (l *lexicon) longer(r *rand.Rand, title string, of int) string {
	if r.IntN(of) != 0 {
		return title
	}
	title += " " + one(r, l.tails)
	if r.IntN(5) == 0 {
		title += " " + one(r, l.tails)
	}
	return title
}

// reference names a todo by its words.
func (l *lexicon) reference(r *rand.Rand) filling {
	switch r.IntN(10) {
	case 0:
		return whole(one(r, l.tasks).object)
	case 1:
		return whole(l.longer(r, one(r, l.tasks).object, 2))
	case 2:
		t := one(r, l.tasks)
		return whole(t.base + " " + t.object)
	case 3:
		return whole("the " + one(r, l.queries) + " " + one(r, []string{"one", "task", "todo", "item"}))
	case 4:
		return whole("the " + one(r, l.things))
	default:
		return whole(one(r, l.refs))
	}
}

// target is any way to say which todo.
func (l *lexicon) target(r *rand.Rand) filling {
	switch r.IntN(10) {
	case 0, 1:
		return whole(number(r))
	case 2:
		return within("#", number(r), "")
	case 3:
		return within(one(r, []string{"number ", "todo ", "task ", "no. ", "item ", "nr ", "number #", "todo number ", "no ", "task #"}), number(r), "")
	case 4, 5:
		return within("the ", ordinal(r), one(r, []string{" one", " one", " todo", " task", " item", "", " on the list", " in the list"}))
	default:
		return l.reference(r)
	}
}
