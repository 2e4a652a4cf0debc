package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/todochat/todochat/internal/intentmodel"
)

// Kinds of tokens, as GGUF numbers them.
const (
	normal  = 1
	unknown = 2
	control = 3
	unused  = 5
	byteOf  = 6
)

// The first tokens.
const (
	unknownToken = iota
	beginToken
	endToken
)

// vocabulary is that of a SentencePiece tokenizer, as GGUF's "llama" has it.
type vocabulary struct {
	tokens []string
	kinds  []int32
	scores []float32
	ids    map[string]int
	cache  map[string][]int
}

const (
	merges     = 2200
	sampleSize = 80_000
)

// newVocabulary learns which letters often stand together: byte pair encoding
// of the words of a sample. A merge never holds a digit.
func newVocabulary(s *source) *vocabulary {
	v := &vocabulary{ids: map[string]int{}, cache: map[string][]int{}}
	v.add("<unk>", unknown, 0)
	v.add("<s>", control, 0)
	v.add("</s>", control, 0)
	for b := range 256 {
		v.add(fmt.Sprintf("<0x%02X>", b), byteOf, 0)
	}
	for n := range intentmodel.MaxUnits {
		v.add(intentmodel.Pointer(n), normal, -1e4)
	}
	for _, mark := range intentmodel.Marks() {
		v.add(mark, normal, -1e4)
	}
	for _, word := range intentmodel.Words() {
		v.add(intentmodel.Word(word), normal, -1e4)
	}
	for c := '!'; c <= '~'; c++ {
		v.add(string(c), normal, -1e4)
	}
	for _, c := range "¤☺✓" {
		v.add(string(c), normal, -1e4)
	}
	for n, m := range learnMerges(s) {
		v.add(m, normal, -float32(n+1))
	}
	for len(v.tokens)%32 != 0 { // rows of quantized weights come in blocks
		v.add(fmt.Sprintf("<unused%d>", len(v.tokens)), unused, 0)
	}
	return v
}

func (v *vocabulary) add(token string, kind int32, score float32) {
	if _, there := v.ids[token]; there {
		return
	}
	v.ids[token] = len(v.tokens)
	v.tokens, v.kinds, v.scores = append(v.tokens, token), append(v.kinds, kind), append(v.scores, score)
}

type wordCount struct {
	parts []string
	count float64
}

func learnMerges(s *source) []string {
	r := rand.New(rand.NewPCG(7, 7))
	counts := map[string]float64{}
	for range sampleSize {
		for _, u := range intentmodel.Split(s.example(r).text) {
			if isLetters(u.Text) {
				counts[u.Text]++
			}
		}
	}
	all := make([]wordCount, 0, len(counts))
	for _, w := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, wordCount{strings.Split(w, ""), math.Pow(counts[w], 0.7)}) // rare words count, too
	}
	var out []string
	for len(out) < merges {
		pairs := map[[2]string]float64{}
		for _, w := range all {
			for i := range len(w.parts) - 1 {
				pairs[[2]string{w.parts[i], w.parts[i+1]}] += w.count
			}
		}
		if len(pairs) == 0 {
			break
		}
		best := slices.MaxFunc(slices.Collect(maps.Keys(pairs)), func(a, b [2]string) int {
			return cmp.Or(cmp.Compare(pairs[a], pairs[b]), strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
		})
		out = append(out, best[0]+best[1])
		for n := range all {
			all[n].parts = merge(all[n].parts, best[0], best[1])
		}
	}
	return out
}

func merge(parts []string, a, b string) []string {
	for i := 0; i+1 < len(parts); i++ {
		if parts[i] == a && parts[i+1] == b {
			parts[i] = a + b
			parts = slices.Delete(parts, i+1, i+2)
		}
	}
	return parts
}

// encode returns the tokens of a unit's text, as llama.cpp's SentencePiece
// tokenizer finds them: the pair with the best score is merged first, the
// leftmost of equals.
func (v *vocabulary) encode(text string) []int {
	if ids, ok := v.cache[text]; ok {
		return ids
	}
	parts := strings.Split(text, "")
	for {
		best, at := float32(math.Inf(-1)), -1
		for i := range len(parts) - 1 {
			if id, ok := v.ids[parts[i]+parts[i+1]]; ok && v.kinds[id] == normal && v.scores[id] > best {
				best, at = v.scores[id], i
			}
		}
		if at < 0 {
			break
		}
		parts[at] += parts[at+1]
		parts = slices.Delete(parts, at+1, at+2)
	}
	ids := make([]int, len(parts))
	for i, p := range parts {
		ids[i] = v.ids[p]
	}
	v.cache[text] = ids
	return ids
}

// prompt returns the tokens of intentmodel.Prompt: each unit is encoded by
// itself, since no merge goes across a character of the notation.
func (v *vocabulary) prompt(units []intentmodel.Unit) []int {
	ids := []int{beginToken}
	for n, u := range units {
		ids = append(ids, v.encode(u.Text)...)
		ids = append(ids, v.ids[intentmodel.Pointer(n)])
	}
	mark := intentmodel.Marks()[0]
	_, rest, _ := strings.Cut(intentmodel.Prompt(units), mark)
	return append(ids, v.characters(mark+rest)...)
}

// answer returns the tokens of an answer, and its end.
func (v *vocabulary) answer(answer string) []int { return append(v.characters(answer), endToken) }

// characters returns the tokens of text in the notation, one for each.
func (v *vocabulary) characters(text string) []int {
	var ids []int
	for _, c := range text {
		ids = append(ids, v.ids[string(c)])
	}
	return ids
}
