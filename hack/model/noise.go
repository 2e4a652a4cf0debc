package main

import (
	"math/rand/v2"
	"strings"

	"github.com/todochat/todochat/internal/intentmodel"
)

// How people type.
const (
	typoOf       = 5 // one message in five has typos
	apostropheOf = 3 // one apostrophe in three is left out
)

// noise returns the message as it may be typed: with the same units, some of
// them misspelt.
func noise(r *rand.Rand, message string, units []intentmodel.Unit) string {
	typed := make([]string, len(units))
	for n, u := range units {
		typed[n] = message[u.Start:u.End]
		if len(typed[n]) > 1 && strings.Contains(typed[n], "'") && r.IntN(apostropheOf) == 0 {
			typed[n] = strings.ReplaceAll(typed[n], "'", "")
		}
	}
	if r.IntN(typoOf) == 0 {
		for range 1 + r.IntN(2) {
			n := r.IntN(len(units))
			if len(typed[n]) >= 3 && isLetters(typed[n]) {
				typed[n] = typo(r, typed[n])
			}
		}
	}
	var b strings.Builder
	at := 0
	for n, u := range units {
		b.WriteString(message[at:u.Start] + typed[n])
		at = u.End
	}
	b.WriteString(message[at:])
	return b.String()
}

func isLetters(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < 'a' || c > 'z' })
}

// neighbours are the keys beside each key of a keyboard.
var neighbours = map[byte]string{
	'a': "sqwz", 'b': "vghn", 'c': "xdfv", 'd': "serfcx", 'e': "wsdr", 'f': "drtgvc", 'g': "ftyhbv", 'h': "gyujnb", 'i': "ujko",
	'j': "huikmn", 'k': "jiolm", 'l': "kop", 'm': "njk", 'n': "bhjm", 'o': "iklp", 'p': "ol", 'q': "wa", 'r': "edft", 's': "awedxz",
	't': "rfgy", 'u': "yhji", 'v': "cfgb", 'w': "qase", 'x': "zsdc", 'y': "tghu", 'z': "asx",
}

func typo(r *rand.Rand, word string) string {
	i := r.IntN(len(word) - 1)
	switch r.IntN(5) {
	case 0: // two letters change places
		return word[:i] + word[i+1:i+2] + word[i:i+1] + word[i+2:]
	case 1: // one is left out
		return word[:i+1] + word[i+2:]
	case 2: // one is doubled
		return word[:i+1] + word[i:]
	case 3: // a key beside the right one
		near := neighbours[word[i]]
		return word[:i] + string(near[r.IntN(len(near))]) + word[i+1:]
	default: // one too many
		near := neighbours[word[i]]
		return word[:i] + string(near[r.IntN(len(near))]) + word[i:]
	}
}
