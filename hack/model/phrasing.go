package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// phrasing is one line of a file of phrasings: a way to say something, and
// what it means.
type phrasing struct {
	source  string // file and line
	said    string // with (a|b) and {slots}
	intents []meant
}

// meant is one intent of a phrasing.
type meant struct {
	op    string
	parts []part
}

// part is one member of an intent, in the words of the model's answer.
type part struct {
	word   string   // such as title, high or about
	values []string // slots or words of what is said; none where the word stands for itself
}

// words maps the keys of a phrasing whose values point at what was said.
var words = map[string]string{
	"title": "title", "target": "target", "due": "due", "tag": "tag",
	"f.due": "whose_due", "f.tag": "whose_tag", "f.query": "about",
}

// settings maps key=value of the members that a word of the answer stands for.
var settings = map[string]string{
	"target=it": "it", "target=all": "all",
	"priority=high": "high", "priority=medium": "medium", "priority=low": "low",
	"f.status=open": "open", "f.status=completed": "completed",
	"f.priority=high": "only_high", "f.priority=medium": "only_medium", "f.priority=low": "only_low",
	"feature=recurring": "recurring", "feature=reminder": "reminder", "feature=notification": "notify",
	"feature=sharing": "sharing", "feature=other": "other",
}

var ops = []string{"create", "list", "complete", "reopen", "update", "delete", "undo", "ask", "help", "chat", "unsupported"}

// answerOrder is the order of the words of an intent.
var answerOrder = []string{
	"target", "it", "all", "title", "due", "tag", "high", "medium", "low",
	"open", "completed", "whose_due", "only_high", "only_medium", "only_low", "whose_tag", "about",
	"recurring", "reminder", "notify", "sharing", "other",
}

const arrow = " => "

// parsePhrasing reads one line.
func parsePhrasing(line string) (phrasing, error) {
	said, meaning, ok := strings.Cut(line, arrow)
	if !ok {
		return phrasing{}, errors.New("it has no =>")
	}
	p := phrasing{said: strings.TrimSpace(said)}
	for one := range strings.SplitSeq(meaning, " ;") {
		m, err := parseMeant(strings.TrimSpace(one))
		if err != nil {
			return phrasing{}, err
		}
		p.intents = append(p.intents, m)
	}
	return p, p.validate()
}

// key matches where the next key=value begins.
var key = regexp.MustCompile(`(?:^| )(title|target|due|priority|tag|feature|f\.(?:status|due|priority|tag|query))=`)

func parseMeant(s string) (meant, error) {
	op, rest, _ := strings.Cut(s, " ")
	if !slices.Contains(ops, op) {
		return meant{}, fmt.Errorf("%q is no op", op)
	}
	m := meant{op: op}
	at := key.FindAllStringSubmatchIndex(rest, -1)
	if len(at) == 0 && strings.TrimSpace(rest) != "" || len(at) > 0 && strings.TrimSpace(rest[:at[0][0]]) != "" {
		return meant{}, fmt.Errorf("%q is no list of key=value", rest)
	}
	for n, found := range at {
		end := len(rest)
		if n+1 < len(at) {
			end = at[n+1][0]
		}
		name, value := rest[found[2]:found[3]], strings.TrimSpace(rest[found[1]:end])
		if word, ok := settings[name+"="+value]; ok {
			m.parts = append(m.parts, part{word: word})
			continue
		}
		word, ok := words[name]
		if !ok || value == "" {
			return meant{}, fmt.Errorf("%s cannot be %q", name, value)
		}
		m.parts = append(m.parts, part{word: word, values: strings.Split(value, " + ")})
	}
	slices.SortStableFunc(m.parts, func(a, b part) int {
		return slices.Index(answerOrder, a.word) - slices.Index(answerOrder, b.word)
	})
	return m, nil
}

// needs is what an op cannot be without.
var needs = map[string][]string{
	"create": {"title"}, "complete": {"target", "it", "all"}, "reopen": {"target", "it", "all"}, "delete": {"target", "it", "all"},
	"update": {"target", "it", "all"}, "unsupported": {"recurring", "reminder", "notify", "sharing", "other"},
}

// bare are the ops that carry nothing.
var bare = []string{"undo", "ask", "help", "chat"}

func (p phrasing) validate() error {
	for _, m := range p.intents {
		has := func(word string) bool {
			return slices.ContainsFunc(m.parts, func(p part) bool { return p.word == word })
		}
		if need := needs[m.op]; need != nil && !slices.ContainsFunc(need, has) {
			return fmt.Errorf("%s needs one of %s", m.op, strings.Join(need, ", "))
		}
		if slices.Contains(bare, m.op) && len(m.parts) > 0 {
			return fmt.Errorf("%s carries nothing", m.op)
		}
		if m.op == "update" && len(m.parts) == 1 {
			return errors.New("the update changes nothing")
		}
		for n, p := range m.parts {
			if n > 0 && m.parts[n-1].word == p.word && p.word != "tag" {
				return fmt.Errorf("%s stands twice", p.word)
			}
		}
	}
	return nil
}

var (
	alternatives = regexp.MustCompile(`\(([^()]*\|[^()]*)\)`)
	slot         = regexp.MustCompile(`\{(do|thing|base|did|doing|obj|the|n|ord|t|due|when|tag|q|who)(\d?)\}`)
)

// pick chooses one of each group of alternatives. A choice that a value of the
// meaning does not occur in is tried again: alternatives may hold slots.
func (p phrasing) pick(r *rand.Rand) (string, bool) {
	for range 20 {
		said := alternatives.ReplaceAllStringFunc(p.said, func(group string) string {
			choices := strings.Split(group[1:len(group)-1], "|")
			return choices[r.IntN(len(choices))]
		})
		said = strings.Join(strings.Fields(strings.NewReplacer(" ,", ",", " ?", "?").Replace(said)), " ")
		if p.fits(said) {
			return said, true
		}
	}
	return "", false
}

func (p phrasing) fits(said string) bool {
	for _, m := range p.intents {
		for _, part := range m.parts {
			for _, v := range part.values {
				if locate(said, v, 0) < 0 {
					return false
				}
			}
		}
	}
	return true
}

// locate returns where value stands in said as whole words, from the given
// byte on, or -1.
func locate(said, value string, from int) int {
	for at := from; ; {
		i := strings.Index(said[at:], value)
		if i < 0 {
			return -1
		}
		i += at
		if boundary(said, i) && boundary(said, i+len(value)) {
			return i
		}
		at = i + 1
	}
}

// boundary reports whether a word may begin or end between two bytes.
func boundary(s string, at int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:at])
	after, _ := utf8.DecodeRuneInString(s[at:])
	return at == 0 || at == len(s) || !letterOrDigit(before) || !letterOrDigit(after)
}

func letterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// readPhrasings reads the files of a directory. Held-out ones are those of
// files whose name begins with heldout, and one line in twenty of the others.
func readPhrasings(dir string) (train, heldOut []phrasing, err error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, nil, err
	}
	var failures []error
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, err
		}
		n := 0
		for line := range strings.Lines(string(content)) {
			n++
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "# ") {
				continue
			}
			p, err := parsePhrasing(line)
			if err == nil {
				if _, ok := p.pick(rand.New(rand.NewPCG(1, 1))); !ok {
					err = errors.New("a value does not stand in what is said")
				}
			}
			p.source = fmt.Sprintf("%s:%d", filepath.Base(name), n)
			switch {
			case err != nil:
				failures = append(failures, fmt.Errorf("%s: %w: %s", p.source, err, line))
			case strings.HasPrefix(filepath.Base(name), "heldout") || isHeldOut(line):
				heldOut = append(heldOut, p)
			default:
				train = append(train, p)
			}
		}
	}
	return train, heldOut, errors.Join(failures...)
}
