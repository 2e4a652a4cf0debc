package intentmodel

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Unit is a word, a number or a mark of a message: what the model can point at.
type Unit struct {
	Start, End int    // bytes of the message
	Text       string // as the model reads it: lower-case ASCII, or one of the stand-ins
}

// MaxUnits is the most units that a message may have for the model to read it.
const MaxUnits = 80

// What the model reads in place of what it need not tell apart.
const (
	foreign = "¤" // a word in another script
	picture = "☺" // an emoji or another symbol
	tick    = "✓" // a sign that says done
	newLine = "/"
)

// maxUnitText is how many letters of a unit the model reads.
const maxUnitText = 24

// Split divides a message into its units, in order. White space parts them, and
// of it only the end of a line is a unit. A mark is a unit of its own, and so is
// a run of equal marks. Marks within a word (don't, check-up, 17:30, 2026-12-01,
// a.b@example.com) belong to it, but for the apostrophe of a genitive.
func Split(message string) []Unit {
	var units []Unit
	for at := 0; at < len(message); {
		r, size := utf8.DecodeRuneInString(message[at:])
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			if r == '\n' {
				units = append(units, Unit{Start: at, End: at + size, Text: newLine})
			}
			at += size
			continue
		}
		end := at + unitLength(message[at:])
		units = append(units, Unit{Start: at, End: end, Text: fold(message[at:end])})
		at = end
	}
	return units
}

// unitLength returns the bytes of the unit that s begins with.
func unitLength(s string) int {
	first, size := utf8.DecodeRuneInString(s)
	if !isWordRune(first) {
		return runLength(s, func(r rune) bool { return r == first || isJoiner(r) })
	}
	end := size
	for end < len(s) {
		r, size := utf8.DecodeRuneInString(s[end:])
		switch {
		case isWordRune(r):
		case joins(s[:end], r, s[end+size:]):
		default:
			return end
		}
		end += size
	}
	return end
}

// runLength returns the bytes of s before the first rune that does not belong.
func runLength(s string, belongs func(rune) bool) int {
	if n := strings.IndexFunc(s, func(r rune) bool { return !belongs(r) }); n >= 0 {
		return n
	}
	return len(s)
}

func isWordRune(r rune) bool { return unicode.In(r, unicode.L, unicode.N, unicode.M) || r == '_' }

// isJoiner reports whether a rune only shapes the picture before it.
func isJoiner(r rune) bool {
	return r >= utf8.RuneSelf && unicode.In(r, unicode.M, unicode.Cf, unicode.Sk)
}

// joins reports whether a mark between two parts makes one word of them.
func joins(before string, mark rune, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	next, _ := utf8.DecodeRuneInString(after)
	if !isWordRune(next) || after == "" {
		return false
	}
	switch mark {
	case '\'', '’': // today's list is of today
		second, _ := utf8.DecodeRuneInString(after[min(1, len(after)):])
		return next != 's' && next != 'S' || isWordRune(second) && len(after) > 1
	case '-', '@':
		return true
	case '.':
		return unicode.IsLetter(last) == unicode.IsLetter(next)
	case ',', ':', '/':
		return unicode.IsDigit(last) && unicode.IsDigit(next)
	}
	return false
}

// letters are those that decomposition leaves as they are.
var letters = strings.NewReplacer("ł", "l", "ß", "ss", "ø", "o", "æ", "ae", "œ", "oe", "đ", "d", "ð", "d", "þ", "th", "ı", "i", "’", "'", "‘", "'", "“", `"`, "”", `"`, "…", ".", "–", "-", "—", "-", "→", ">")

// fold writes a unit the way the model reads it.
func fold(unit string) string {
	if strings.ContainsAny(unit, "✓✔✅☑") {
		return tick
	}
	var b strings.Builder
	other := false
	for _, r := range letters.Replace(norm.NFKD.String(strings.ToLower(unit))) {
		switch {
		case b.Len() >= maxUnitText || isJoiner(r):
		case r > ' ' && r < 0x7f:
			b.WriteRune(r)
		case unicode.IsLetter(r):
			return foreign
		default:
			other = true
		}
	}
	text := b.String()
	if text == "" || other {
		return picture
	}
	if n := len(text); n > 1 && !isWordRune(rune(text[0])) && strings.Count(text, text[:1]) == n {
		return text[:1] // "!!!" says no more than "!"
	}
	return text
}
