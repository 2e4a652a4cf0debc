package interpreter

import (
	"testing"

	"github.com/todochat/todochat/internal/intent"
)

func TestTheSurestReadingCounts(t *testing.T) {
	t.Parallel()
	add := intent.Intent{Op: intent.Create, Title: "milk"}
	tick := intent.Intent{Op: intent.Complete, Target: "milk"}
	bin := intent.Intent{Op: intent.Delete, Target: "milk"}
	show := intent.Intent{Op: intent.List}
	small := intent.Intent{Op: intent.Chat}
	for name, c := range map[string]struct {
		rules, model []intent.Intent
		sure         float64
		by           string
		unsure       bool
	}{
		"both say the same":    {[]intent.Intent{bin}, []intent.Intent{bin}, 0.1, "intent", false},
		"the model is certain": {[]intent.Intent{add}, []intent.Intent{bin}, 0.98, "intent", false},
		"the model is certain, and the rules would change something else": {[]intent.Intent{tick}, []intent.Intent{bin}, 0.99, "intent", true},
		"the model is sure, and would change more":                        {[]intent.Intent{add}, []intent.Intent{bin}, 0.9, "intent", true},
		"the model is sure, and changes what the rules do":                {[]intent.Intent{tick}, []intent.Intent{tick, show}, 0.9, "intent", false},
		"the model is sure, and changes it otherwise":                     {[]intent.Intent{tick}, []intent.Intent{bin}, 0.9, "intent", true},
		"the model is sure, and changes nothing":                          {[]intent.Intent{bin}, []intent.Intent{add}, 0.85, "intent", false},
		"the model is not sure":                                           {[]intent.Intent{add}, []intent.Intent{show}, 0.6, "rules", true},
		"the model is not sure, and the rules would delete":               {[]intent.Intent{bin}, []intent.Intent{add}, 0.6, "rules", true},
		"the model is not sure, and the rules are at a loss":              {[]intent.Intent{small}, []intent.Intent{bin}, 0.6, "intent", true},
	} {
		got := judge(Reading{Intents: c.rules, By: "rules"}, Reading{Intents: c.model, By: "intent"}, c.sure)
		if got.By != c.by || got.Unsure != c.unsure {
			t.Errorf("%s: by %s, unsure %v, want by %s, unsure %v", name, got.By, got.Unsure, c.by, c.unsure)
		}
	}
}

func TestWhatIsCopiedOrCorrectedIsNeverSure(t *testing.T) {
	t.Parallel()
	i, err := New(Config{Name: "rules"})
	if err != nil {
		t.Fatal(err)
	}
	for message, unsure := range map[string]bool{
		"delete 3": false, "new todo: call mum, and mark 3 done": false, "sorry, could you delete 3": false, "mark the meanings one done": false,
		"mark 14 done": false, "14 is done": false,
		"add milk\n\ndelete 3": true, "add answer the mail that says: please delete 3": true,
		"complete 4... no sorry, delete it": true, "delete 3, no wait, 4": true, "finish 3. I mean 4": true,
	} {
		if got := i.Interpret(t.Context(), message); got.Unsure != unsure {
			t.Errorf("%q is read as %+v, want unsure %v", message, got, unsure)
		}
	}
}

func TestHowManyIsNoTodo(t *testing.T) {
	t.Parallel()
	done := []intent.Intent{{Op: intent.Complete, Target: "14"}}
	for message, want := range map[string]bool{
		"the jam is made and labelled, 14 jars": true, "14 kg of flour are here": true,
		"mark 14 done": false, "14 is done": false, "#14 jars": false, "number 14 looks done": false, "14": false,
	} {
		if got := counts(message, done); got != want {
			t.Errorf("%q counts: %t, want %t", message, got, want)
		}
	}
}

func TestWithoutOllamaEveryInterpreterAnswers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"auto", "rules", "intent", "ollama:some"} {
		i, err := New(Config{Name: name, Host: "127.0.0.1:1", AtOnce: 1})
		if err != nil {
			t.Fatal(err)
		}
		for message, op := range map[string]intent.Op{"add milk": intent.Create, "": intent.Chat, "\n": intent.Chat, "hello": intent.Chat} {
			got := i.Interpret(t.Context(), message)
			if len(got.Intents) != 1 || got.Intents[0].Op != op || got.By != "rules" || (got.Notice == "") != (name == "rules") {
				t.Errorf("%s reads %q as %+v", name, message, got)
			}
		}
		if i.NeedsOllama() == (name == "rules") {
			t.Errorf("%s needs Ollama: %v", name, i.NeedsOllama())
		}
	}
	for _, name := range []string{"", "gpt", "ollama:", "Auto"} {
		if _, err := New(Config{Name: name, Host: "127.0.0.1:1", AtOnce: 1}); err == nil {
			t.Errorf("the interpreter %q is taken", name)
		}
	}
	if _, err := New(Config{Name: "auto", Host: "ftp://x", AtOnce: 1}); err == nil {
		t.Error("an address that is none is taken")
	}
}
