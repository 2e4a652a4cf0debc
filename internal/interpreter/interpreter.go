// Package interpreter says what messages mean, by the best means there are: an
// Ollama model that was asked for, the program's own model, and rules that are
// always there. When one fails, the next answers.
package interpreter

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/ollama"
)

// Config says which interpreter, and where its model is.
type Config struct {
	Name     string        // auto, rules, intent (the program's own model, without the rules) or ollama:NAME
	Host     string        // of Ollama, as OLLAMA_HOST
	Deadline time.Duration // for the whole of a reading by ollama:NAME
	AtOnce   int           // calls at a time, to each model
}

// Reading is what a message means.
type Reading struct {
	Intents []intent.Intent // at least one
	By      string          // whose reading it is: rules, intent or ollama:NAME
	Notice  string          // what people should know, when a better interpreter failed
	Unsure  bool            // nothing should be changed without asking
}

// Interpreter reads messages.
type Interpreter struct {
	name  string
	model *ollama.Model       // that was asked for
	own   *ollama.IntentModel // the program's
}

// ownDeadline bounds a reading by the program's own model, the time in which a
// server gets and loads it included: a person waits.
const ownDeadline = 3 * time.Second

// New returns the interpreter of that name. It does not call Ollama.
func New(c Config) (*Interpreter, error) {
	i := &Interpreter{name: c.Name}
	server := ollama.Config{Host: c.Host, Deadline: ownDeadline, AtOnce: c.AtOnce}
	name, isModel := strings.CutPrefix(c.Name, "ollama:")
	var err error
	switch {
	case c.Name == "rules":
		return i, nil
	case isModel && name != "":
		server.Deadline = c.Deadline
		if i.model, err = ollama.NewModel(server, name); err != nil {
			return nil, err
		}
		return i, nil
	case c.Name != "auto" && c.Name != "intent":
		return nil, fmt.Errorf("%q is no interpreter: it is auto, rules, intent or ollama:NAME", c.Name)
	}
	if i.own, err = ollama.NewIntentModel(server); err != nil {
		return nil, err
	}
	return i, nil
}

// NeedsOllama reports whether an Ollama makes the readings better.
func (i *Interpreter) NeedsOllama() bool { return i.model != nil || i.own != nil }

// Prepare gives Ollama the program's own model, unless it has it. A reading that
// comes meanwhile waits for ownDeadline at most; then the rules answer.
func (i *Interpreter) Prepare(ctx context.Context) error {
	if i.own == nil {
		return nil
	}
	return i.own.Prepare(ctx)
}

// Ping reports whether Ollama answers.
func (i *Interpreter) Ping(ctx context.Context) error {
	switch {
	case i.model != nil:
		return i.model.Ping(ctx)
	case i.own != nil:
		return i.own.Ping(ctx)
	}
	return nil
}

// Interpret says what a message means. It always has an answer. It is never sure
// of what may be copied from somebody else, since that can hold orders that the
// person does not give, nor of a message that corrects itself, nor of a number
// that may be a count.
func (i *Interpreter) Interpret(ctx context.Context, message string) Reading {
	reading := i.read(ctx, message)
	reading.Unsure = reading.Unsure || copies(message, reading.Intents) || correction.MatchString(message) || counts(message, reading.Intents)
	return reading
}

// counted finds numbers that say how many there are of something, save those
// that a todo is named by.
var (
	counted  = regexp.MustCompile(`(?i)(?:^|[^#\w])(\d+) +(?:\w{3,}s|kg|g|km|m|l|cm)\b`)
	numbered = regexp.MustCompile(`(?i)(?:#|\b(?:number|no\.?|todo|task|item) )(\d+)\b`)
)

// counts reports whether a number that is taken for a todo's may be how many
// there are of something: “14 jars”.
func counts(message string, intents []intent.Intent) bool {
	said := func(in *regexp.Regexp, number string) bool {
		return slices.ContainsFunc(in.FindAllStringSubmatch(message, -1), func(m []string) bool { return m[1] == number })
	}
	return slices.ContainsFunc(intents, func(i intent.Intent) bool {
		return i.Target != "" && strings.Trim(i.Target, "0123456789") == "" && said(counted, i.Target) && !said(numbered, i.Target)
	})
}

var correction = regexp.MustCompile(`(?i)\b(no,? sorry|no,? wait|wait,? no|hang on|scratch that|strike that|i meant?|actually,? no|or rather|correction)\b`)

// copies reports whether a message seems to hold somebody else's words: it has
// several paragraphs, or adds a todo that announces what follows.
func copies(message string, intents []intent.Intent) bool {
	if strings.Contains(message, "\n\n") {
		return true
	}
	const leadIn = 3 // words: "new todo: …" announces nobody else
	before, _, announces := strings.Cut(message, ": ")
	return announces && len(strings.Fields(before)) > leadIn &&
		slices.ContainsFunc(intents, func(i intent.Intent) bool { return i.Op == intent.Create })
}

func (i *Interpreter) read(ctx context.Context, message string) Reading {
	switch {
	case i.model != nil:
		intents, err := i.model.Interpret(ctx, message)
		if err != nil {
			return byRules(message, noticeOf(err))
		}
		return Reading{Intents: intents, By: i.model.Name()}
	case i.own != nil:
		return i.readOwn(ctx, message)
	}
	return byRules(message, "")
}

// readOwn lets the program's own model read the message. In auto, the rules are
// heard where it is not sure.
func (i *Interpreter) readOwn(ctx context.Context, message string) Reading {
	rules := byRules(message, "")
	intents, sure, err := i.own.Interpret(ctx, message)
	switch {
	case err != nil:
		rules.Notice = noticeOf(err)
		return rules
	case i.name == "intent":
		return Reading{Intents: intents, By: i.own.Name(), Unsure: sure < trusted}
	}
	return judge(rules, Reading{Intents: intents, By: i.own.Name()}, sure)
}

// How sure the model must be of all that it says, from what was measured: of
// readings below trusted those of the rules are right more often; and up to
// certain, some would change what nobody meant (docs/assistant.md).
const (
	trusted = 0.8
	certain = 0.97
)

// judge chooses between two readings of a message, and says whether it is sure
// enough of the choice to change what is there. Where both readings are the
// same, they are right all but always.
func judge(rules, model Reading, sure float64) Reading {
	switch {
	case intent.Equal(rules.Intents, model.Intents):
		return model
	case sure >= trusted:
		model.Unsure = sure < certain && changesMore(model.Intents, rules.Intents) || conflict(model.Intents, rules.Intents)
		return model
	case isChat(rules.Intents): // which the rules also say when they are at a loss
		model.Unsure = true
		return model
	}
	rules.Unsure = true
	return rules
}

func isChat(intents []intent.Intent) bool { return len(intents) == 1 && intents[0].Op == intent.Chat }

// conflict reports whether two readings would each change something there that
// the other would not.
func conflict(a, b []intent.Intent) bool { return changesMore(a, b) && changesMore(b, a) }

// changesMore reports whether intents change something there in a way that the
// others do not.
func changesMore(intents, others []intent.Intent) bool {
	return slices.ContainsFunc(intents, func(i intent.Intent) bool {
		switch i.Op {
		case intent.Complete, intent.Reopen, intent.Update, intent.Delete, intent.Undo:
			return !slices.ContainsFunc(others, func(o intent.Intent) bool {
				return intent.Equal([]intent.Intent{i}, []intent.Intent{o})
			})
		}
		return false
	})
}

func byRules(message, notice string) Reading {
	intents := intent.Rules(message)
	if len(intents) == 0 {
		intents = []intent.Intent{{Op: intent.Chat}}
	}
	return Reading{Intents: intents, By: "rules", Notice: notice}
}

// noticeOf says in a reply why a lesser interpreter read the message.
func noticeOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.Malformed {
		return "(The language model did not make sense of this, so I read it by simple rules.)"
	}
	return "(The language model does not answer right now, so I read this by simple rules.)"
}
