package main

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/fs/ggml"

	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/intentmodel"
	"github.com/todochat/todochat/internal/ollama"
	"github.com/todochat/todochat/internal/ollamatest"
)

// Not parallel: paths are from the repository's root.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func readSources(t *testing.T) (train, heldOut *source) {
	t.Helper()
	train, heldOut, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	return train, heldOut
}

func TestEveryPhrasingIsWellFormed(t *testing.T) {
	t.Parallel()
	train, heldOut := readSources(t)
	for _, s := range []*source{train, heldOut} {
		for _, err := range s.failures() {
			t.Error(err)
		}
		if len(s.phrasings) < 1000 {
			t.Errorf("only %d phrasings", len(s.phrasings))
		}
	}
}

func TestTrainingSeesNothingThatItIsMeasuredBy(t *testing.T) {
	t.Parallel()
	train, heldOut := readSources(t)
	kept := map[string]bool{}
	for _, p := range heldOut.phrasings {
		kept[p.said] = true
	}
	for _, p := range train.phrasings {
		if kept[p.said] {
			t.Errorf("%s is held out: %s", p.source, p.said)
		}
	}
	forbidden, err := evalMessages()
	if err != nil {
		t.Fatal(err)
	}
	if len(forbidden) < 500 {
		t.Errorf("only %d messages are kept from training", len(forbidden))
	}
	r := rand.New(rand.NewPCG(11, 11))
	for range 50_000 {
		if e := train.example(r); forbidden[plain(e.text)] {
			t.Errorf("%q is of the evaluation", e.text)
		}
	}
	for _, words := range [][2][]string{{train.lexicon.things, heldOut.lexicon.things}, {train.lexicon.refs, heldOut.lexicon.refs}} {
		for _, w := range words[1] {
			if slices.Contains(words[0], w) {
				t.Errorf("%q is held out, and trained on", w)
			}
		}
	}
}

func TestAPhrasingSaysWhereItsWordsStand(t *testing.T) {
	t.Parallel()
	l := &lexicon{
		tasks: []task{{"water", "watered", "watering", "the plants"}}, things: []string{"oat milk"}, refs: []string{"the parcel"},
		tags: []string{"home"}, queries: []string{"passport"}, people: []string{"anna"}, dates: []date{{"friday", []string{"by"}}},
	}
	for line, want := range map[string]struct {
		text    string
		intents []intent.Intent
	}{
		"(pop|pop) {thing} on my list {when} => create title={thing} due={when}": {
			"pop oat milk on my list by friday", []intent.Intent{{Op: intent.Create, Title: "oat milk", Due: "friday"}},
		},
		"i {did} {obj} and {base} {obj1} => complete target={obj} ; create title={base} {obj1}": {
			"i watered the plants and water the plants", []intent.Intent{{Op: intent.Complete, Target: "the plants"}, {Op: intent.Create, Title: "water the plants"}},
		},
		"buy cheese, urgent, at the shop #{tag} => create title=buy cheese + at the shop priority=high tag={tag}": {
			"buy cheese, urgent, at the shop #home", []intent.Intent{{Op: intent.Create, Title: "buy cheese at the shop", Priority: "high", Tags: []string{"home"}}},
		},
		"bin all done {tag} ones about {q} => delete target=all f.tag={tag} f.query={q} f.status=completed": {
			"bin all done home ones about passport", []intent.Intent{{Op: intent.Delete, Target: "all", Filter: &intent.Filter{Tag: "home", Query: "passport", Status: "completed"}}},
		},
		"tell {who} every day => unsupported feature=recurring": {"tell anna every day", []intent.Intent{{Op: intent.Unsupported, Feature: intent.Recurring}}},
	} {
		p, err := parsePhrasing(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		e, ok := render(rand.New(rand.NewPCG(1, 3)), p, l)
		if !ok || e.text != want.text {
			t.Errorf("%s: %q, want %q", line, e.text, want.text)
			continue
		}
		units := intentmodel.Split(e.text)
		answer, err := e.answer(units)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if got, err := intentmodel.Read(answer, e.text, units); err != nil || !intent.Equal(got, want.intents) {
			t.Errorf("%s: %+v, %v, want %+v", line, got, err, want.intents)
		}
	}
	for _, line := range []string{
		"no arrow", "x => fly", "x => create", "x => create title=y", "add x => create title=x priority=huge", "done => complete",
		"make 3 => update target=3", "hi => chat title=hi", "add x => create title=x title=x", "remind me => unsupported",
		"axb => create title=x", "add x => create x",
	} {
		p, err := parsePhrasing(line)
		if err == nil {
			_, ok := p.pick(rand.New(rand.NewPCG(1, 1)))
			if ok {
				t.Errorf("%q is taken", line)
			}
		}
	}
}

// vocabularyOfModel reads the tokens that the committed model has.
func vocabularyOfModel(t *testing.T) *vocabulary {
	t.Helper()
	file, err := ggml.Decode(bytes.NewReader(intentmodel.GGUF()), -1)
	if err != nil {
		t.Fatal(err)
	}
	kv := file.KV()
	tokens, scores, kinds := kv.Strings("tokenizer.ggml.tokens"), kv.Floats("tokenizer.ggml.scores"), kv.Ints("tokenizer.ggml.token_type")
	v := &vocabulary{ids: map[string]int{}, cache: map[string][]int{}}
	for i, token := range tokens {
		v.add(token, kinds[i], scores[i])
	}
	return v
}

// TestTheServerReadsTheTokensOfTheTraining compares how many tokens a real
// Ollama finds in prompts with how many the model was trained on.
func TestTheServerReadsTheTokensOfTheTraining(t *testing.T) {
	t.Parallel()
	_, heldOut := readSources(t)
	v := vocabularyOfModel(t)
	host := ollamatest.Start(t).Host
	m, err := ollama.NewIntentModel(ollama.Config{Host: host, Deadline: time.Minute, AtOnce: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	client := api.NewClient(&url.URL{Scheme: "http", Host: host}, http.DefaultClient)
	r := rand.New(rand.NewPCG(5, 5))
	texts := []string{"Łódź, don't 牛乳 🎉 ✅ 17:30 «ok» €5 C# <b>x</b> </s>"}
	for range 100 {
		texts = append(texts, heldOut.example(r).text)
	}
	for _, text := range texts {
		units := intentmodel.Split(text)
		no, read := false, 0
		err := client.Generate(t.Context(), &api.GenerateRequest{
			Model: intentmodel.Name + ":" + intentmodel.Digest()[:12], Prompt: intentmodel.Prompt(units), Raw: true, Stream: &no,
			Options: map[string]any{"num_predict": 1, "num_ctx": windowTokens, "num_thread": 1},
		}, func(a api.GenerateResponse) error { read = a.PromptEvalCount; return nil })
		if want := len(v.prompt(units)); err != nil || read != want {
			t.Errorf("%q: the server reads %d tokens, the training %d (%v)", text, read, want, err)
		}
	}
}

func TestTyposKeepTheUnits(t *testing.T) {
	t.Parallel()
	train, _ := readSources(t)
	r := rand.New(rand.NewPCG(2, 2))
	changed := 0
	for range 5000 {
		text := train.example(r).text
		units := intentmodel.Split(text)
		typed := noise(r, text, units)
		if typed != text {
			changed++
		}
		if got := intentmodel.Split(typed); len(got) != len(units) && !strings.Contains(text, "'") {
			t.Fatalf("%q became %q, with %d units instead of %d", text, typed, len(got), len(units))
		}
	}
	if changed < 500 || changed > 3000 {
		t.Errorf("%d of 5000 messages have typos", changed)
	}
}
