// Package chat decides what the assistant does with a message once it is
// understood: which todos are meant, what needs a confirmation, and what to
// say. No I/O.
//
// A turn goes
//
//	intents → Lookups → (read them) → Resolve → Plan → (carry it out) → Plan.Reply
//
// A Plan is data: stored before it is carried out, it does the same when the
// message comes again. Text inside todos is never read as a message.
package chat

import (
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/todo"
)

// ProposalLife is how long a proposal can be confirmed.
const ProposalLife = 5 * time.Minute

// Context is what a conversation remembers: what "it", "the second one",
// "yes" and "undo" mean next.
type Context struct {
	Shown    []int     `json:"shown,omitzero"`    // numbers of the list last shown, in its order
	It       int       `json:"it,omitzero"`       // number of the todo last spoken of
	Acts     []int64   `json:"acts,omitzero"`     // a seq of each act that undo can take back, newest last
	Question *Question `json:"question,omitzero"` // asked last, not answered yet
	Proposal uuid.UUID `json:"proposal,omitzero"` // made last, not confirmed yet
}

// Question asks which todo an intent is about.
type Question struct {
	Intent     intent.Intent `json:"intent"`
	Candidates []Named       `json:"candidates"`
}

// Named is a todo as people speak of it.
type Named struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
}

func nameOf(t todo.Todo) Named { return Named{t.Number, t.Title} }

// Operation is one operation on todos, as the todo function's batch takes it,
// with the name of the todo for people.
type Operation struct {
	Op      string        `json:"op"`            // create, update, complete, reopen or delete
	Ref     string        `json:"ref,omitzero"`  // for all but create
	Todo    *todo.Content `json:"todo,omitzero"` // for create
	Patch   *todo.Patch   `json:"patch,omitzero"`
	IfMatch int64         `json:"if_match,omitzero"`
	Number  int           `json:"number,omitzero"` // where it is known beforehand
	Title   string        `json:"title,omitzero"`
}

// Plan is what a message will do and say.
type Plan struct {
	Intents     []intent.Intent `json:"intents"`
	Interpreter string          `json:"interpreter"`
	Notice      string          `json:"notice,omitzero"` // said when the quality dropped
	Steps       []Step          `json:"steps"`           // in the order in which they are told
	Undo        int64           `json:"undo,omitzero"`   // a seq to take back before anything else
	Operations  []Operation     `json:"operations,omitzero"`
	Proposal    []Operation     `json:"proposal,omitzero"` // only once it is confirmed
	Question    *Question       `json:"question,omitzero"`
}

// Answers reports whether the step is better told by a language model.
func (s Step) Answers() bool { return s.Kind == Summary || s.Kind == Talk || s.Kind == Suggest }

// Acts reports whether the plan changes anything.
func (p Plan) Acts() bool { return p.Undo != 0 || len(p.Operations) > 0 }

// StepKind says what a step tells.
type StepKind string

// The kinds of step.
const (
	Say     StepKind = "say"     // Text, as it is
	Act     StepKind = "act"     // what became of the operation Index
	Undid   StepKind = "undid"   // what was taken back
	ShowAll StepKind = "list"    // the todos that Query finds
	Summary StepKind = "summary" // a free question: how the account's todos stand, or what a language model says to them
	Talk    StepKind = "talk"    // what may be a free question: a language model's words, or Text
	Suggest StepKind = "suggest" // steps towards Topic, by a language model, or Text
)

// Step is one part of a reply.
type Step struct {
	Kind  StepKind    `json:"kind"`
	Text  string      `json:"text,omitzero"`
	Topic string      `json:"topic,omitzero"`
	Asks  bool        `json:"asks,omitzero"` // Text is the plan's question
	Index int         `json:"index,omitzero"`
	Query *todo.Query `json:"query,omitzero"`
}
