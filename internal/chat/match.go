package chat

import (
	"strings"
	"unicode"

	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/todo"
)

// closeness says how well words name a todo.
type closeness int

const (
	unlike closeness = iota
	alike            // each word is in title or tags, give or take a typo
	within           // each word is in title or tags
	exact            // the words are the title
)

// match finds the todos that the words name best, among those that a search
// found. near are others that share a word with them, for "did you mean".
func match(words string, op intent.Op, found []todo.Todo) (best []todo.Todo, how closeness, near []todo.Todo) {
	for _, t := range found {
		switch c := closenessOf(words, t); {
		case c == unlike && sharesWord(words, t):
			near = append(near, t)
		case c == unlike:
		case c > how:
			best, how = []todo.Todo{t}, c
		case c == how:
			best = append(best, t)
		}
	}
	return preferred(op, best), how, near
}

// preferred leaves out what the act would not change, if anything remains:
// who completes "milk" means the one that is still open.
func preferred(op intent.Op, todos []todo.Todo) []todo.Todo {
	var changes []todo.Todo
	for _, t := range todos {
		if op == intent.Complete && t.Status == todo.Completed || op == intent.Reopen && t.Status == todo.Pending {
			continue
		}
		changes = append(changes, t)
	}
	if len(changes) == 0 {
		return todos
	}
	return changes
}

func closenessOf(words string, t todo.Todo) closeness {
	if coreWords(words) == coreWords(t.Title) {
		return exact
	}
	have := tokensOf(t)
	best := within
	wanted := tokens(coreWords(words))
	if len(wanted) == 0 {
		return unlike
	}
	for _, w := range wanted {
		switch {
		case contains(have, w, isWord):
		case contains(have, w, isTypo):
			best = alike
		default:
			return unlike
		}
	}
	return best
}

func sharesWord(words string, t todo.Todo) bool {
	have := tokensOf(t)
	for _, w := range tokens(words) {
		if len(w) > 2 && !isOneOf(w, "the", "and", "for", "with") && (contains(have, w, isWord) || contains(have, w, isTypo)) {
			return true
		}
	}
	return false
}

func tokensOf(t todo.Todo) []string { return tokens(t.Title + " " + strings.Join(t.Tags, " ")) }

// isWord reports whether both are the same word, in singular or plural.
func isWord(a, b string) bool {
	return a == b || strings.TrimSuffix(a, "s") == strings.TrimSuffix(b, "s")
}

func contains(have []string, word string, same func(a, b string) bool) bool {
	for _, h := range have {
		if same(h, word) {
			return true
		}
	}
	return false
}

func tokens(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsMark(r) })
}

// isTypo reports whether a word may be a misspelling of another: one slip in
// four letters or more, two in eight or more. Swapped neighbours are one slip.
func isTypo(a, b string) bool {
	x, y := []rune(a), []rune(b)
	allowed := 0
	switch n := min(len(x), len(y)); {
	case n >= 8:
		allowed = 2
	case n >= 4:
		allowed = 1
	}
	if d := len(x) - len(y); allowed == 0 || d > allowed || -d > allowed {
		return false
	}
	return distance(x, y) <= allowed
}

// distance is the optimal string alignment distance: insertions, deletions,
// substitutions and swaps of neighbours that turn a into b.
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
