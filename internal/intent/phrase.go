package intent

import (
	"strings"
	"sync"
)

// A form is one way to say something, written as people write it down:
//
//	mark|set {target} [as] <done>
//
// A word stands for itself, a|b for either (an underscore joins the words of
// one alternative), [x] may be missing, <class> is a named set from words.go,
// and {name} captures one or more words. A form matches a whole clause.
type form struct{ parts []part }

type part struct {
	options  [][]string // alternatives, each of one or more words
	optional bool
	capture  string // name of the capture, or empty
}

// captures are the words that a form caught, by name.
type captures map[string][]token

// lazyForms compiles the forms on first use: a process that starts pays nothing.
func lazyForms(lines ...string) func() []form {
	return sync.OnceValue(func() []form { return compile(lines) })
}

// compile panics on a mistake in a form: that is a bug, and a test meets it.
func compile(lines []string) []form {
	out := make([]form, len(lines))
	for i, line := range lines {
		for _, field := range strings.Fields(line) {
			out[i].parts = append(out[i].parts, compilePart(field))
		}
	}
	return out
}

func compilePart(field string) part {
	var p part
	if inner, ok := strings.CutPrefix(field, "{"); ok {
		p.capture = strings.TrimSuffix(inner, "}")
		return p
	}
	if inner, ok := strings.CutPrefix(field, "["); ok {
		p.optional = true
		field = strings.TrimSuffix(inner, "]")
	}
	for option := range strings.SplitSeq(field, "|") {
		if name, ok := strings.CutPrefix(option, "<"); ok {
			for words := range strings.SplitSeq(class(strings.TrimSuffix(name, ">")), ",") {
				p.options = append(p.options, strings.Fields(words))
			}
			continue
		}
		p.options = append(p.options, strings.Split(option, "_"))
	}
	return p
}

// matchAny returns the captures of the first form that is the whole clause.
func matchAny(fs []form, words []token) (captures, bool) {
	return matchWhere(fs, words, func(captures) bool { return true })
}

// matchWhere is matchAny for forms whose captures satisfy a condition.
func matchWhere(fs []form, words []token, holds func(captures) bool) (captures, bool) {
	for _, f := range fs {
		if caught, ok := f.match(words); ok && holds(caught) {
			return caught, true
		}
	}
	return nil, false
}

// match reports whether the form is the whole clause.
func (f form) match(words []token) (captures, bool) {
	return matchParts(f.parts, words)
}

// matchPrefix returns what follows the longest of the forms that begin the
// clause.
func matchPrefix(fs []form, words []token) (rest []token, ok bool) {
	best := 0
	for _, f := range fs {
		if n := prefixLength(f.parts, words); n > best {
			best = n
		}
	}
	return words[best:], best > 0
}

// prefixLength is for forms without captures: it takes each part greedily.
func prefixLength(parts []part, words []token) int {
	n := 0
	for _, p := range parts {
		step := p.longest(words[n:])
		if step == 0 && !p.optional {
			return 0
		}
		n += step
	}
	return n
}

// longest returns the length of the longest option that begins words.
func (p part) longest(words []token) int {
	best := 0
	for _, option := range p.options {
		if len(option) > best && begins(words, option) {
			best = len(option)
		}
	}
	return best
}

func begins(words []token, option []string) bool {
	if len(words) < len(option) {
		return false
	}
	for i, w := range option {
		if words[i].word != w || words[i].quoted {
			return false
		}
	}
	return true
}

// matchParts tries the parts from the left. Captures are as short as they can
// be, so the first separator wins unless what follows it does not fit.
func matchParts(parts []part, words []token) (captures, bool) {
	if len(parts) == 0 {
		return captures{}, len(words) == 0
	}
	p, rest := parts[0], parts[1:]
	if p.capture != "" {
		return matchCapture(p.capture, rest, words)
	}
	for _, option := range p.options {
		if begins(words, option) {
			if caught, ok := matchParts(rest, words[len(option):]); ok {
				return caught, true
			}
		}
	}
	if p.optional {
		return matchParts(rest, words)
	}
	return nil, false
}

func matchCapture(name string, rest []part, words []token) (captures, bool) {
	fits := constraint(name)
	first := 1
	if len(rest) == 0 {
		first = max(1, len(words)) // the last capture takes all that is left
	}
	for n := first; n <= len(words); n++ {
		caught, ok := matchParts(rest, words[n:])
		if !ok || (fits != nil && !fits(words[:n])) {
			continue
		}
		caught[name] = words[:n]
		return caught, true
	}
	return nil, false
}
