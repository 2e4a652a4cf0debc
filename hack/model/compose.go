package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/todochat/todochat/internal/intentmodel"
)

// example is a message and what it means.
type example struct {
	text    string
	intents []meaning
}

// meaning is one intent of an example.
type meaning struct {
	op      string
	members []member
}

// member is a word of the answer, and the parts of the text it points at.
type member struct {
	word   string
	ranges []byteRange
}

type byteRange struct{ from, to int }

// shift moves everything that an example points at by n bytes.
func (e *example) shift(n int) {
	for _, m := range e.intents {
		for _, part := range m.members {
			for i := range part.ranges {
				part.ranges[i].from += n
				part.ranges[i].to += n
			}
		}
	}
}

// clone returns a copy that can be shifted.
func (e example) clone() example {
	e.intents = slices.Clone(e.intents)
	for i := range e.intents {
		members := slices.Clone(e.intents[i].members)
		for n := range members {
			members[n].ranges = slices.Clone(members[n].ranges)
		}
		e.intents[i].members = members
	}
	return e
}

// put is where a slot was filled.
type put struct {
	at, length int // bytes of the template, the braces included
	filling    filling
	out        int // byte of the text at which the filling begins
}

// render fills one phrasing. It returns false when its alternatives cannot be
// chosen so that all values stand in it.
func render(r *rand.Rand, p phrasing, l *lexicon) (example, bool) {
	said, ok := p.pick(r)
	if !ok {
		return example{}, false
	}
	var text strings.Builder
	var puts []put
	chosen := map[string]task{}
	same := map[string]filling{}
	at := 0
	for _, found := range slot.FindAllStringSubmatchIndex(said, -1) {
		text.WriteString(said[at:found[0]])
		whole := said[found[0]:found[1]]
		f, again := same[whole]
		if !again {
			name := said[found[2]:found[3]]
			f = l.fill(r, name, said[found[4]:found[5]], chosen)
			if p.adds() && (name == "do" || name == "thing") && found[0] > 0 && said[found[0]-1] == ' ' && (found[1] == len(said) || said[found[1]] == ' ') {
				f = l.quoted(r, f)
			}
			same[whole] = f
		}
		puts = append(puts, put{found[0], found[1] - found[0], f, text.Len()})
		text.WriteString(f.text)
		at = found[1]
	}
	text.WriteString(said[at:])

	e := example{text: text.String()}
	for _, m := range p.intents {
		one := meaning{op: m.op}
		for _, part := range m.parts {
			made := member{word: part.word}
			from := 0
			for _, value := range part.values {
				i := locate(said, value, from)
				if i < 0 {
					i = locate(said, value, 0)
				}
				made.ranges = append(made.ranges, moved(i, i+len(value), puts))
				from = i + len(value)
			}
			one.members = append(one.members, made)
		}
		e.intents = append(e.intents, one)
	}
	return e, true
}

// adds reports whether all that a phrasing does is to add one todo.
func (p phrasing) adds() bool { return len(p.intents) == 1 && p.intents[0].op == "create" }

var quotes = [][2]string{{`"`, `"`}, {"'", "'"}, {"“", "”"}, {"‘", "’"}, {"«", "»"}, {"`", "`"}}

// quoted puts some titles in quotes, and some of those are made of what is a
// command elsewhere.
func (l *lexicon) quoted(r *rand.Rand, f filling) filling {
	if r.IntN(16) != 0 {
		return f
	}
	title := f.text
	if len(l.orders) > 0 && r.IntN(2) == 0 {
		title = one(r, l.orders)
	}
	if strings.ContainsAny(title, "\"'`“”‘’«»*#") {
		return f
	}
	q := one(r, quotes)
	return within(q[0], title, q[1])
}

// moved returns where a range of the template is in the text. A value that is
// one slot stands for the part of its filling that is meant.
func moved(from, to int, puts []put) byteRange {
	out := byteRange{from, to}
	for _, p := range puts {
		grown := len(p.filling.text) - p.length
		switch {
		case p.at == from && p.at+p.length == to:
			return byteRange{p.out + p.filling.from, p.out + p.filling.to}
		case p.at+p.length <= from:
			out.from += grown
			out.to += grown
		case p.at+p.length <= to:
			out.to += grown
		}
	}
	return out
}

// The ways a message goes on with another wish. The first group parts anything;
// the second only what cannot be taken for an enumeration.
var (
	strongJoints = []string{". ", "; ", "\n", " then ", ", then ", " and then ", ". also ", ", and also ", "! ", ". oh and ", " - and ", ". and "}
	weakJoints   = []string{" and ", ", ", " & ", ", and "}
	starters     = []string{"delete", "remove", "show", "list", "mark", "tick", "complete", "finish", "make", "rename", "reopen", "tag", "cross", "check", "undo", "what", "set"}
	joinable     = []string{"create", "list", "complete", "reopen", "update", "delete"}
)

func (e example) joinable() bool {
	for _, m := range e.intents {
		if !slices.Contains(joinable, m.op) {
			return false
		}
	}
	return true
}

// join says one after the other.
func join(r *rand.Rand, a, b example) example {
	joint := one(r, strongJoints)
	first, _, _ := strings.Cut(b.text, " ")
	if b.intents[0].op != "create" && slices.Contains(starters, first) && r.IntN(2) == 0 {
		joint = one(r, weakJoints)
	}
	text := strings.TrimRight(a.text, ".,!;") + joint
	b.shift(len(text))
	return example{text: text + b.text, intents: append(slices.Clone(a.intents), b.intents...)}
}

var (
	openings = []string{"hi, ", "hey ", "hello! ", "hey there, ", "ok, ", "ok so ", "right, ", "so ", "um, ", "well, ", "oh and ", "btw ", "quick one: ", "morning! ", "good morning, ", "please ", "also ", "and ", "yo ", "hmm ", "oh, ", "alright ", "now ", "hey assistant, ", "ah, "}
	closings = []string{" please", " thanks", ", thanks", " thx", " pls", ", cheers", ", thank you!", " ta", ", please", " 🙏", " 👍", " 🎉", " 😀", " lol", " ok?", " okay", "!", "!!", ".", "...", " :)", " x"}
)

// source makes examples.
type source struct {
	phrasings []phrasing
	cases     []example // messages that are used as they stand
	asides    []string  // small talk that may stand before a wish
	common    []int     // phrasings of common.txt
	forbidden map[string]bool
	lexicon   *lexicon
}

func newSource(phrasings []phrasing, l *lexicon) *source {
	s := &source{phrasings: phrasings, lexicon: l}
	for n, p := range phrasings {
		if strings.HasPrefix(p.source, "common") {
			s.common = append(s.common, n)
		}
		if op := p.intents[0].op; !strings.ContainsAny(p.said, "({") && slices.Contains([]string{"delete", "complete", "update", "reopen", "list", "undo"}, op) {
			l.orders = append(l.orders, strings.Trim(p.said, ".,!?:; "))
		}
		first, _, _ := strings.Cut(p.said, " ")
		plain := !strings.ContainsAny(p.said, "({?|")
		if plain && p.intents[0].op == "chat" && strings.Count(p.said, " ") < 7 && !slices.Contains([]string{"what", "who", "how", "when", "where", "why", "which", "tell", "is", "are", "do", "does", "can"}, first) {
			s.asides = append(s.asides, p.said)
		}
	}
	return s
}

// example makes one example: a phrasing, or several, with what people say
// around them. It is never a message that is forbidden.
func (s *source) example(r *rand.Rand) example {
	for {
		if e := s.anyExample(r); !s.forbidden[plain(e.text)] {
			return e
		}
	}
}

func (s *source) anyExample(r *rand.Rand) example {
	e := s.single(r)
	if e.joinable() {
		for range 2 {
			if r.IntN(6) != 0 {
				break
			}
			if next := s.single(r); next.joinable() {
				e = join(r, e, next)
			}
		}
	}
	lone := e.intents[0].op == "chat"
	switch n := r.IntN(40); {
	case n < 5 && !lone:
		e = before(one(r, openings), e)
	case n == 5 && e.joinable() && len(s.asides) > 0:
		e = before(strings.TrimRight(one(r, s.asides), ".!")+one(r, []string{". ", ", ", "! ", " - "}), e)
	}
	if r.IntN(6) == 0 {
		e.text += one(r, closings)
	}
	return e
}

// choice is a phrasing, or beyond them a case. Whole messages, and the cases,
// are chosen twice as often as the phrasings of one operation: they are what
// people send. One choice in twenty is of the commonest orders of words.
func (s *source) choice(r *rand.Rand) int {
	if len(s.common) > 0 && r.IntN(20) == 0 {
		return one(r, s.common)
	}
	for {
		n := r.IntN(len(s.phrasings) + len(s.cases))
		if n >= len(s.phrasings) || strings.HasPrefix(s.phrasings[n].source, "messages-") || r.IntN(2) == 0 {
			return n
		}
	}
}

func before(opening string, e example) example {
	e.shift(len(opening))
	e.text = opening + e.text
	return e
}

func (s *source) single(r *rand.Rand) example {
	for {
		n := s.choice(r)
		if n >= len(s.phrasings) {
			return vary(r, s.cases[n-len(s.phrasings)], s.lexicon)
		}
		e, ok := render(r, s.phrasings[n], s.lexicon)
		switch {
		case !ok:
		case strings.Contains(s.phrasings[n].said, "{"):
			return e
		default:
			return vary(r, e, s.lexicon)
		}
	}
}

// answer writes what the model is to say about the example.
func (e example) answer(units []intentmodel.Unit) (string, error) {
	var out strings.Builder
	for _, m := range e.intents {
		out.WriteString(intentmodel.Word(m.op))
		for _, part := range m.members {
			if part.ranges == nil {
				out.WriteString(intentmodel.Word(part.word))
			}
			for _, at := range part.ranges {
				from := slices.IndexFunc(units, func(u intentmodel.Unit) bool { return u.Start == at.from })
				to := slices.IndexFunc(units, func(u intentmodel.Unit) bool { return u.End == at.to })
				if from < 0 || to < from {
					return "", fmt.Errorf("%q does not begin and end with whole words", e.text[at.from:at.to])
				}
				out.WriteString(intentmodel.Word(part.word) + intentmodel.Pointer(from) + intentmodel.Pointer(to))
			}
		}
	}
	return out.String(), nil
}
