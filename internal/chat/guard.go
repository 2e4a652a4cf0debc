package chat

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Guard lets a model's words through as they come, and keeps its figures back:
// each word that holds a number or names a day or month becomes "…", unless it
// is the #number of a todo that the model was told of, or stands in the title
// or tags of one. So whatever counts or dates an answer has, the program said.
//
// A word is held only while it may turn out to be such a word.
type Guard struct {
	numbers map[string]bool // "#12"
	said    map[string]bool // words of the todos
	word    []byte          // begun and not let through yet
	through bool            // the word that is begun was let through in part
	begun   bool            // something stands in the line
	spoken  []int
}

// NewGuard returns a guard for an answer about the open todos of the outcome.
func NewGuard(o Outcome) *Guard {
	g := &Guard{numbers: make(map[string]bool), said: make(map[string]bool)}
	for _, t := range o.Open.Todos {
		g.numbers["#"+strconv.Itoa(t.Number)] = true
		for _, text := range append([]string{t.Title}, t.Tags...) {
			for word := range strings.FieldsFuncSeq(text, isBreak) {
				g.said[strings.ToLower(core(word))] = true
			}
		}
	}
	return g
}

// Spoken are the numbers of the todos that the answer has named.
func (g *Guard) Spoken() []int { return g.spoken }

// Write takes a piece and returns what may be said of all that came.
func (g *Guard) Write(piece string) string {
	var out strings.Builder
	for _, r := range strings.ToValidUTF8(piece, "") {
		switch {
		case isBreak(r):
			out.WriteString(g.Close())
			if r >= ' ' && r != utf8.RuneError || r == '\n' {
				out.WriteRune(r)
			}
			g.through = false
			g.begun = r != '\n' && (g.begun || !unicode.IsSpace(r))
		case unicode.IsControl(r):
		case g.through && !isFigure(r):
			out.WriteRune(r)
		default:
			g.word = utf8.AppendRune(g.word, r)
			g.through = false
			if !g.mayBeFigure() {
				out.Write(g.word)
				g.word, g.through, g.begun = g.word[:0], true, true
			}
		}
	}
	return out.String()
}

// Close ends the word that is begun and returns what may be said of it.
func (g *Guard) Close() string {
	word, first := string(g.word), !g.begun
	if word == "" {
		return ""
	}
	g.word, g.begun = g.word[:0], true
	bare := core(word)
	switch {
	case first && strings.Trim(bare, "0123456789") == "" && strings.HasSuffix(word, "."): // of a list
		return "–"
	case g.numbers[bare]:
		if number, err := strconv.Atoi(bare[1:]); err == nil && !slices.Contains(g.spoken, number) {
			g.spoken = append(g.spoken, number)
		}
		return word
	case g.said[strings.ToLower(bare)], !g.isFigureWord(bare):
		return word
	}
	return strings.Replace(word, bare, "…", 1)
}

// mayBeFigure reports whether the word that is begun has to be held.
func (g *Guard) mayBeFigure() bool {
	begun := strings.ToLower(strings.TrimLeftFunc(string(g.word), isMark))
	if begun == "" || strings.HasPrefix(begun, "#") || strings.ContainsFunc(begun, isFigure) {
		return true
	}
	return slices.ContainsFunc(figureWords, func(w string) bool {
		return strings.HasPrefix(w, begun) || strings.HasPrefix(begun, w)
	})
}

func (g *Guard) isFigureWord(word string) bool {
	lower := strings.ToLower(word)
	if strings.ContainsFunc(lower, isFigure) {
		return true
	}
	lower, _, _ = strings.Cut(lower, "-") // twenty-one
	lower = strings.TrimSuffix(strings.TrimSuffix(lower, "'s"), "’s")
	return slices.Contains(figureWords, lower) || slices.Contains(figureWords, strings.TrimSuffix(lower, "s"))
}

// figureWords are the English words for counts and dates, as far as they have
// no other meaning.
var figureWords = []string{
	"two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
	"sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
	"hundred", "thousand", "dozen",
	"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
	"january", "february", "april", "june", "july", "august", "september", "october", "november", "december",
}

// isFigure reports whether r is part of a number in any script.
func isFigure(r rune) bool { return unicode.IsNumber(r) }

func isBreak(r rune) bool {
	return unicode.IsSpace(r) || r == '—' || r == '(' || r == ')' || r == '[' || r == ']' || r == '"'
}

// isMark reports whether r can stand around a word without being part of it.
func isMark(r rune) bool { return strings.ContainsRune(`.,;:!?'“”‘’*_…`, r) }

// core is a word without the marks around it.
func core(word string) string { return strings.TrimFunc(word, isMark) }
