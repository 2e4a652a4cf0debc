package intent

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A token is one word of a message, or one quotation taken as a whole. It
// knows where it stands, so that a span is always copied from the message and
// never put together from normalized words.
type token struct {
	start, end int    // bytes in the message, quotes included
	word       string // lower case, straight apostrophes, contractions spelled out
	after      rune   // the strongest punctuation that follows, or 0
	quoted     bool   // a quotation: word is empty, and nothing inside is read
	hash       bool   // written with a leading #
	seq        int    // position among the tokens of the message
}

// text is one message and its tokens.
type text struct {
	source string
	tokens []token
}

// closers returns the marks that may close a quotation that r opens, or nothing
// when r opens none.
func closers(r rune) string {
	switch r {
	case '"':
		return `"”“`
	case '“', '„':
		return `”"“`
	case '«':
		return `»`
	case '‘', '\'':
		return `'’`
	case '`':
		return "`"
	}
	return ""
}

// scan cuts a message into tokens in one pass.
func scan(message string) text {
	t := text{source: message, tokens: make([]token, 0, 8+len(message)/5)}
	for i := 0; i < len(message); {
		r, size := utf8.DecodeRuneInString(message[i:])
		switch {
		case r == '\n':
			t.punctuate('\n')
			i += size
		case unicode.IsSpace(r):
			i += size
		case closers(r) != "":
			if end := quotation(message, i, size, closers(r)); end > 0 {
				t.add(token{start: i, end: end, quoted: true})
				i = end
			} else {
				i += size
			}
		case isMark(r) && !startsNumber(message[i:]):
			t.punctuate(r)
			i += size
		default:
			i = t.scanChunk(i)
		}
	}
	// A picture at the end says how it is meant, not what.
	for n := len(t.tokens); n > 1 && isPicture(message[t.tokens[n-1].start:t.tokens[n-1].end]); n-- {
		t.tokens = t.tokens[:n-1]
	}
	return t
}

// isPicture reports whether a word is made of nothing but emoji.
func isPicture(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.In(r, unicode.So, unicode.Sk, unicode.Cf, unicode.Mn, unicode.Me)
	})
}

// scanChunk reads what stands between spaces, without the punctuation at its
// end, and returns where it stopped.
func (t *text) scanChunk(start int) int {
	end := start
	for end < len(t.source) {
		r, size := utf8.DecodeRuneInString(t.source[end:])
		if unicode.IsSpace(r) || (end > start && breaksWord(t.source, start, end, r, size)) {
			break
		}
		end += size
	}
	chunk := t.source[start:end]
	if strings.Trim(chunk, "-–—") == "" {
		t.punctuate('-')
		return end
	}
	trimmed := strings.TrimRightFunc(chunk, isTail)
	if trimmed == "" {
		trimmed = chunk
	}
	t.addWord(start, start+len(trimmed))
	for _, r := range chunk[len(trimmed):] {
		t.punctuate(r)
	}
	return end
}

// breaksWord reports whether a word ends before the rune at end though no
// space stands there: at a comma between words, a semicolon, or an ellipsis.
func breaksWord(s string, start, end int, r rune, size int) bool {
	switch r {
	case ';', '…', '—', '“', '”', '"':
		return true
	case ',':
		next, _ := utf8.DecodeRuneInString(s[end+size:])
		before, _ := utf8.DecodeLastRuneInString(s[start:end])
		return !unicode.IsDigit(next) || !unicode.IsDigit(before)
	}
	return false
}

// addWord adds the word at [start, end), cut in two where it is a contraction.
func (t *text) addWord(start, end int) {
	raw := t.source[start:end]
	hash := len(raw) > 1 && raw[0] == '#'
	word := fold(strings.TrimFunc(raw, isBracket))
	if hash {
		t.add(token{start: start + 1, end: end, word: strings.TrimLeft(word, "#"), hash: true})
		return
	}
	if head, tail, cut := contraction(word); cut > 0 && len(word) == len(foldApostrophes(raw)) {
		at := start + apostropheOffset(raw, cut)
		t.add(token{start: start, end: at, word: head})
		t.add(token{start: at, end: end, word: tail})
		return
	}
	t.add(token{start: start, end: end, word: spelled(word)})
}

func (t *text) add(k token) {
	k.seq = len(t.tokens)
	t.tokens = append(t.tokens, k)
}

// punctuate notes punctuation after the last token. Of several marks the one
// that cuts deepest counts.
func (t *text) punctuate(r rune) {
	if len(t.tokens) == 0 {
		return
	}
	last := &t.tokens[len(t.tokens)-1]
	if strength(r) > strength(last.after) {
		last.after = r
	}
}

func strength(r rune) int {
	return 1 + strings.IndexRune("-…:,.\n;!?", r)
}

// span copies the words from the message: as they stand where they are
// neighbours, with one space where something was left out between them.
func (t text) span(words []token) string {
	if len(words) == 1 && words[0].quoted {
		return unquote(t.source[words[0].start:words[0].end])
	}
	var b strings.Builder
	for i, k := range words {
		switch {
		case i == 0:
		case words[i-1].seq+1 == k.seq:
			b.WriteString(t.source[words[i-1].end:k.start])
		default:
			b.WriteByte(' ')
		}
		b.WriteString(t.source[k.start:k.end])
	}
	return strings.TrimSpace(b.String())
}

// quotation returns the end of the quotation that opens at start, or 0. A
// single quote closes only where a word ends: an apostrophe inside one does not.
func quotation(s string, start, size int, closing string) int {
	const longest = 400 // bytes; an unclosed quote must not swallow a long message
	limit := min(len(s), start+longest)
	for i := start + size; i < limit; {
		r, n := utf8.DecodeRuneInString(s[i:])
		if i > start+size && strings.ContainsRune(closing, r) {
			next, _ := utf8.DecodeRuneInString(s[i+n:])
			if !unicode.IsLetter(next) && !unicode.IsDigit(next) || i+n == len(s) {
				return i + n
			}
		}
		i += n
	}
	return 0
}

func unquote(s string) string {
	_, first := utf8.DecodeRuneInString(s)
	_, last := utf8.DecodeLastRuneInString(s)
	if first+last > len(s) {
		return s
	}
	return strings.TrimSpace(s[first : len(s)-last])
}

// isMark reports punctuation that is never part of a word when it begins one.
func isMark(r rune) bool { return strings.ContainsRune(".,;:!?…”’»،؟۔", r) }

// isTail reports punctuation that is not part of a word when it ends one.
func isTail(r rune) bool {
	return strings.ContainsRune(".,;:!?…\"'”’»،؟۔", r) || r >= 0x1F000 && unicode.In(r, unicode.So, unicode.Sk)
}

func isBracket(r rune) bool { return strings.ContainsRune("()[]{}*_~", r) }

// startsNumber reports a decimal such as ".5".
func startsNumber(s string) bool {
	return len(s) > 1 && s[0] == '.' && s[1] >= '0' && s[1] <= '9'
}

func fold(s string) string { return foldApostrophes(strings.ToLower(s)) }

func foldApostrophes(s string) string {
	if strings.Contains(s, "’") {
		return strings.ReplaceAll(s, "’", "'")
	}
	return s
}

// apostropheOffset maps an offset into the folded word back to the raw one,
// whose typographic apostrophe is two bytes longer.
func apostropheOffset(raw string, cut int) int {
	if i := strings.Index(raw, "’"); i >= 0 && i < cut {
		return cut + len("’") - 1
	}
	return cut
}

// endings are the contracted words, longest first.
var endings = []struct{ written, word string }{
	{"n't", "not"},
	{"'re", "are"},
	{"'ve", "have"},
	{"'ll", "will"},
	{"'s", "'s"},
	{"'m", "am"},
	{"'d", "would"},
}

// contraction cuts "don't" into "do" and "not" and says where. A possessive is
// cut like "is": both are written 's.
func contraction(word string) (head, tail string, cut int) {
	switch word {
	case "can't", "cannot":
		return "can", "not", 3
	case "won't":
		return "will", "not", 2
	case "dont", "didnt", "isnt", "arent", "wasnt", "hasnt", "havent", "doesnt":
		return word[:len(word)-2], "not", len(word) - 2
	case "ive", "im":
		return "i", map[string]string{"ive": "have", "im": "am"}[word], 1
	case "whats", "hows", "wheres", "whens":
		return word[:len(word)-1], "'s", len(word) - 1
	case "gotta", "wanna", "gonna":
		return word[:len(word)-2], "to", len(word) - 2
	}
	if !strings.Contains(word, "'") {
		return "", "", 0
	}
	for _, e := range endings {
		if h, ok := strings.CutSuffix(word, e.written); ok && h != "" {
			return h, e.word, len(h)
		}
	}
	return "", "", 0
}
