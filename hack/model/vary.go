package main

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// vary puts other words in some places of an example that an intent points at,
// so that what is learned is the sentence, not its subject.
func vary(r *rand.Rand, e example, l *lexicon) example {
	type place struct {
		byteRange
		word, text string
	}
	var places []place
	for _, m := range e.intents {
		for _, part := range m.members {
			for _, at := range part.ranges {
				if slices.ContainsFunc(places, func(p place) bool { return p.from < at.to && at.from < p.to && p.byteRange != at }) {
					return e // what overlaps stays as it is
				}
				if !slices.ContainsFunc(places, func(p place) bool { return p.byteRange == at }) {
					places = append(places, place{at, part.word, ""})
				}
			}
		}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.from, b.from) })
	var text strings.Builder
	moved := map[byteRange]byteRange{}
	at := 0
	for _, p := range places {
		text.WriteString(e.text[at:p.from])
		words := e.text[p.from:p.to]
		if r.IntN(2) == 0 {
			before, _ := strings.CutSuffix(e.text[:p.from], " ")
			words = l.instead(r, p.word, words, before[strings.LastIndexByte(before, ' ')+1:])
		}
		moved[p.byteRange] = byteRange{text.Len(), text.Len() + len(words)}
		text.WriteString(words)
		at = p.to
	}
	text.WriteString(e.text[at:])
	out := e.clone()
	out.text = text.String()
	for _, m := range out.intents {
		for _, part := range m.members {
			for i, old := range part.ranges {
				part.ranges[i] = moved[old]
			}
		}
	}
	return out
}

// instead returns other words of the same kind, or the same.
func (l *lexicon) instead(r *rand.Rand, word, words, before string) string {
	first, rest, several := strings.Cut(words, " ")
	if _, err := strconv.Atoi(words); err == nil {
		return number(r)
	}
	switch word {
	case "title":
		switch {
		case several && slices.ContainsFunc(l.tasks, func(t task) bool { return t.base == first }):
			t := one(r, l.tasks)
			return l.longer(r, t.base+" "+t.object, 3)
		case !several || len(rest) < 12 && first != "the" && first != "a":
			return l.longer(r, one(r, l.things), 6)
		}
	case "target":
		if first == "the" || first == "my" {
			if t := one(r, l.tasks); strings.HasPrefix(t.object, "the ") || strings.HasPrefix(t.object, "my ") {
				return t.object
			}
		}
	case "due", "whose_due":
		for range 20 {
			d := one(r, l.dates)
			if slices.Contains(d.prepositions, before) {
				return d.phrase
			}
			if !slices.Contains(prepositions, before) && slices.Contains(d.prepositions, "-") {
				return d.phrase
			}
		}
	case "tag", "whose_tag":
		return one(r, l.tags)
	case "about":
		return one(r, l.queries)
	}
	return words
}

var prepositions = []string{"on", "by", "at", "until", "till", "before", "from", "for", "due", "til", "to"}
