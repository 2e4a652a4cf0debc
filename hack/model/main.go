// Command model makes the intent model from nothing: it writes the training
// data, and packs what train.py learned into the file that Ollama loads.
//
//	go run ./hack/model check                  are the phrasings well formed?
//	go run ./hack/model vocabulary -o FILE     the tokens
//	go run ./hack/model stream -vocabulary F   endless examples, for train.py
//	go run ./hack/model messages -n 1000       messages of held-out phrasings, as hack/eval reads them
//	go run ./hack/model pack -weights F -o F   the GGUF
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/todochat/todochat/internal/intentmodel"
)

const (
	phrasingsDir = "hack/model/phrasings"
	wordsDir     = "hack/model/words"
	casesFile    = "internal/intent/testdata/rules.jsonl" // what the contract is explained by
	evalDir      = "hack/eval/testdata"                   // what no training may see
)

func main() {
	commands := map[string]func([]string) error{
		"check": check, "vocabulary": writeVocabulary, "stream": stream, "messages": messages, "pack": pack,
	}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: model check|vocabulary|stream|messages|pack")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(1)
	}
}

// sources reads the phrasings and words.
func sources() (train, heldOut *source, err error) {
	seen, unseen, err := readPhrasings(phrasingsDir)
	if err != nil {
		return nil, nil, err
	}
	forbidden, err := evalMessages()
	if err != nil {
		return nil, nil, err
	}
	seen = slices.DeleteFunc(seen, func(p phrasing) bool { return forbidden[plain(p.said)] })
	unseen = slices.DeleteFunc(unseen, func(p phrasing) bool { return forbidden[plain(p.said)] })
	// What two writers say alike is seen when one of them is.
	said := map[string]bool{}
	for _, p := range seen {
		said[p.said] = true
	}
	unseen = slices.DeleteFunc(unseen, func(p phrasing) bool { return said[p.said] })
	words, err := readLexicon(wordsDir, false)
	if err != nil {
		return nil, nil, err
	}
	unseenWords, err := readLexicon(wordsDir, true)
	if err != nil {
		return nil, nil, err
	}
	train, heldOut = newSource(seen, words), newSource(unseen, unseenWords)
	cases, err := readExamples(casesFile)
	if err != nil {
		return nil, nil, err
	}
	train.cases, train.forbidden = cases, forbidden
	return train, heldOut, nil
}

// plain writes a message so that two are equal when they hardly differ.
func plain(message string) string {
	var b []byte
	for _, u := range intentmodel.Split(message) {
		if c := u.Text[0]; c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			b = append(append(b, u.Text...), ' ')
		}
	}
	return string(b)
}

// evalMessages are those that no training may see.
func evalMessages() (map[string]bool, error) {
	names, err := filepath.Glob(filepath.Join(evalDir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, name := range names {
		lines, err := readMessages(name)
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			out[plain(line.Message)] = true
		}
	}
	return out, nil
}

// check reads every phrasing and makes examples of each.
func check([]string) error {
	train, heldOut, err := sources()
	if err != nil {
		return err
	}
	fmt.Printf("%d phrasings, %d held out; %d + %d words\n", len(train.phrasings), len(heldOut.phrasings), train.lexicon.size(), heldOut.lexicon.size())
	return errors.Join(append(train.failures(), heldOut.failures()...)...)
}

// failures are the phrasings of which no example can be made.
func (s *source) failures() (all []error) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, p := range s.phrasings {
		for range 20 {
			e, ok := render(r, p, s.lexicon)
			if !ok {
				continue
			}
			if _, err := e.answer(intentmodel.Split(e.text)); err != nil {
				all = append(all, fmt.Errorf("%s: %w: %s", p.source, err, p.said))
				break
			}
		}
	}
	return all
}

func (l *lexicon) size() int {
	return len(l.tasks) + len(l.things) + len(l.refs) + len(l.tags) + len(l.queries) + len(l.people) + len(l.dates)
}

// savedVocabulary is the file of a vocabulary.
type savedVocabulary struct {
	Tokens []string  `json:"tokens"`
	Kinds  []int32   `json:"kinds"`
	Scores []float32 `json:"scores"`
}

func writeVocabulary(args []string) error {
	flags := flag.NewFlagSet("vocabulary", flag.ExitOnError)
	out := flags.String("o", "vocabulary.json", "the file to write")
	_ = flags.Parse(args) // ends the program
	train, _, err := sources()
	if err != nil {
		return err
	}
	v := newVocabulary(train)
	content, err := json.Marshal(savedVocabulary{v.tokens, v.kinds, v.scores})
	if err != nil {
		return err
	}
	return os.WriteFile(*out, content, 0o644)
}

func readVocabulary(name string) (*vocabulary, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var saved savedVocabulary
	if err := json.Unmarshal(content, &saved); err != nil {
		return nil, err
	}
	v := &vocabulary{ids: map[string]int{}, cache: map[string][]int{}}
	for i, t := range saved.Tokens {
		v.add(t, saved.Kinds[i], saved.Scores[i])
	}
	return v, nil
}

// stream writes examples to standard output until it is closed. Each is three
// counts (of prompt tokens, answer tokens and units) and the tokens, in 16-bit
// numbers, and then one label a unit: what the unit belongs to.
func stream(args []string) error {
	flags := flag.NewFlagSet("stream", flag.ExitOnError)
	name := flags.String("vocabulary", "vocabulary.json", "the file of the vocabulary")
	seed := flags.Uint64("seed", 1, "of the examples")
	count := flags.Int("n", 0, "of examples; 0 is without end")
	unseen := flags.Bool("held-out", false, "examples of what training never sees")
	messages := flags.String("f", "", "a file of messages as hack/eval reads them, each once")
	_ = flags.Parse(args) // ends the program
	v, err := readVocabulary(*name)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	if *messages != "" {
		return errors.Join(streamFile(out, v, *messages), out.Flush())
	}
	s, heldOut, err := sources()
	if err != nil {
		return err
	}
	if *unseen {
		s = heldOut
	}
	r := rand.New(rand.NewPCG(*seed, 1))
	for n := 0; *count == 0 || n < *count; n++ {
		e := s.example(r)
		units := intentmodel.Split(e.text)
		answer, err := e.answer(units)
		if err != nil || len(units) > intentmodel.MaxUnits {
			continue
		}
		message := e.text
		if !*unseen {
			message = noise(r, message, units)
			if len(intentmodel.Split(message)) != len(units) {
				message = e.text
			}
		}
		units = intentmodel.Split(message)
		if err := writeExample(out, v.prompt(units), v.answer(answer), labels(answer, len(units))); err != nil {
			return nil // the reader has enough
		}
	}
	return out.Flush()
}

func streamFile(out io.Writer, v *vocabulary, name string) error {
	lines, err := readMessages(name)
	if err != nil {
		return err
	}
	for _, line := range lines {
		units := intentmodel.Split(line.Message)
		answer, ok := intentmodel.Write(line.Intents, line.Message, units)
		if !ok {
			continue
		}
		if err := writeExample(out, v.prompt(units), v.answer(answer), labels(answer, len(units))); err != nil {
			return err
		}
	}
	return nil
}

func writeExample(w io.Writer, prompt, answer, labels []int) error {
	all := make([]uint16, 0, 3+len(prompt)+len(answer)+len(labels))
	all = append(all, uint16(len(prompt)), uint16(len(answer)), uint16(len(labels)))
	for _, list := range [][]int{prompt, answer, labels} {
		for _, n := range list {
			all = append(all, uint16(n))
		}
	}
	return binary.Write(w, binary.LittleEndian, all)
}

// labels says of each unit what it belongs to: 0 nothing, else the number of
// the word that points at it, odd where the span begins. They only help the
// training along.
func labels(answer string, units int) []int {
	out := make([]int, units)
	word, pointers := 0, []int(nil)
	for _, c := range answer {
		if n := wordOf(c); n >= 0 {
			word, pointers = n, nil
			continue
		}
		for n := range units {
			if string(c) == intentmodel.Pointer(n) {
				pointers = append(pointers, n)
			}
		}
		if len(pointers) == 2 {
			for u := pointers[0]; u <= pointers[1]; u++ {
				out[u] = 2*word + 2
			}
			out[pointers[0]] = 2*word + 1
		}
	}
	return out
}

// wordOf returns which of the notation's words a character is, or -1.
func wordOf(c rune) int {
	return slices.IndexFunc(notationWords, func(w string) bool { return w == string(c) })
}

var notationWords = func() []string {
	var out []string
	for _, name := range intentmodel.Words() {
		out = append(out, intentmodel.Word(name))
	}
	return out
}()

// messages writes messages of held-out phrasings and words, as hack/eval reads
// them: examples, or each line of one file of phrasings as it stands.
func messages(args []string) error {
	flags := flag.NewFlagSet("messages", flag.ExitOnError)
	seed := flags.Uint64("seed", 1, "of the messages")
	count := flags.Int("n", 1000, "of messages")
	seen := flags.Bool("seen", false, "of what training sees")
	file := flags.String("of", "", "a file of phrasings, such as heldout-messages.txt")
	_ = flags.Parse(args) // ends the program
	train, heldOut, err := sources()
	if err != nil {
		return err
	}
	s := heldOut
	if *seen {
		s = train
	}
	r := rand.New(rand.NewPCG(*seed, 2))
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	if *file != "" {
		for _, p := range slices.Concat(train.phrasings, heldOut.phrasings) {
			if name, _, _ := strings.Cut(p.source, ":"); name != *file {
				continue
			}
			if e, ok := render(r, p, s.lexicon); ok {
				if err := writeMessage(out, e); err != nil {
					return fmt.Errorf("%s: %w", p.source, err)
				}
			}
		}
		return nil
	}
	seenMessages := map[string]bool{}
	for len(seenMessages) < *count {
		e := s.example(r)
		if _, err := e.answer(intentmodel.Split(e.text)); err != nil || seenMessages[e.text] {
			continue
		}
		seenMessages[e.text] = true
		if err := writeMessage(out, e); err != nil {
			return err
		}
	}
	return nil
}

func writeMessage(out *json.Encoder, e example) error {
	units := intentmodel.Split(e.text)
	answer, err := e.answer(units)
	if err != nil {
		return err
	}
	intents, err := intentmodel.Read(answer, e.text, units)
	if err != nil {
		return err
	}
	return out.Encode(message{e.text, intents})
}
