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
				g.said[strings.ToLower(strings.Trim(word, "#'’"))] = true
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
		case unicode.IsControl(r) && r != '\n':
		case isBreak(r):
			if g.isListed(r) {
				g.word, g.begun = g.word[:0], true
				out.WriteString("–")
				continue
			}
			out.WriteString(g.Close())
			out.WriteRune(r)
			g.begun = r != '\n' && (g.begun || !unicode.IsSpace(r))
		case r == '#':
			out.WriteString(g.Close())
			g.word = append(g.word, '#')
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

// isListed reports whether r ends the "1." that a line of a list begins with.
func (g *Guard) isListed(r rune) bool {
	return (r == '.' || r == ')') && !g.begun && len(g.word) > 0 && strings.Trim(string(g.word), "0123456789") == ""
}

// Close ends the word that is begun and returns what may be said of it.
func (g *Guard) Close() string {
	word := string(g.word)
	g.through = false
	if word == "" {
		return ""
	}
	g.word, g.begun = g.word[:0], true
	bare, _, _ := strings.Cut(word, "'s")
	bare, _, _ = strings.Cut(bare, "’s")
	switch {
	case g.numbers[bare]:
		if number, err := strconv.Atoi(bare[1:]); err == nil && !slices.Contains(g.spoken, number) {
			g.spoken = append(g.spoken, number)
		}
		return word
	case g.said[strings.ToLower(word)], !isFigureWord(bare):
		return word
	}
	return "…" + word[len(bare):]
}

// mayBeFigure reports whether the word that is begun has to be held.
func (g *Guard) mayBeFigure() bool {
	begun := strings.ToLower(string(g.word))
	return strings.HasPrefix(begun, "#") || strings.ContainsFunc(begun, isFigure) || slices.ContainsFunc(figureWords, func(w string) bool {
		return strings.HasPrefix(w, begun) || strings.HasPrefix(begun, w)
	})
}

func isFigureWord(word string) bool {
	lower := strings.ToLower(word)
	return strings.ContainsFunc(lower, isFigure) || slices.Contains(figureWords, lower) || slices.Contains(figureWords, strings.TrimSuffix(lower, "s"))
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

// isBreak reports whether r stands between words: whatever is no letter, no
// number, and no part of one of them.
func isBreak(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) && r != '#' && r != '\'' && r != '’'
}
