package chat

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/todo"
)

// Request is a message that has been understood, with all that was looked up.
type Request struct {
	Message     string // as it was said; read again for what it asks
	Intents     []intent.Intent
	Interpreter string
	Notice      string
	Unsure      bool // nothing that is there may change without a confirmation
	Context     Context
	Found       map[int]Found // what Lookups asked for
	Now         time.Time     // in the person's time zone
}

// Resolve decides what the message does. It is a pure function.
func Resolve(r Request) Plan {
	p := &resolution{Request: r}
	p.plan = Plan{Intents: r.Intents, Interpreter: r.Interpreter, Notice: r.Notice}
	for n, i := range r.Intents {
		p.add(n, i)
	}
	p.holdBack()
	return p.plan
}

// Saying is a plan that only says something.
func Saying(text string) Plan {
	return Plan{Interpreter: "rules", Steps: []Step{{Kind: Say, Text: text}}}
}

// Dismissal is the plan of "no" to a proposal.
func Dismissal(intents []intent.Intent, interpreter string) Plan {
	return Plan{
		Intents: intents, Interpreter: interpreter,
		Steps: []Step{{Kind: Say, Text: "All right, I leave everything as it is."}},
	}
}

// resolution is a plan in the making.
type resolution struct {
	Request
	plan Plan
	left int // todos that a bulk would have to change, too, but cannot at once
}

func (p *resolution) say(format string, args ...any) {
	p.plan.Steps = append(p.plan.Steps, Step{Kind: Say, Text: fmt.Sprintf(format, args...)})
}

func (p *resolution) act(op Operation) {
	p.plan.Steps = append(p.plan.Steps, Step{Kind: Act, Index: len(p.plan.Operations)})
	p.plan.Operations = append(p.plan.Operations, op)
}

func (p *resolution) add(n int, i intent.Intent) {
	switch i.Op {
	case intent.Create:
		p.create(i)
		p.offerSteps(i)
	case intent.Complete, intent.Reopen, intent.Update, intent.Delete:
		p.change(n, i)
	case intent.List:
		p.list(i)
	case intent.Undo:
		p.undo()
	case intent.Ask:
		p.answer()
	case intent.Help:
		p.say("%s", helpText)
	case intent.Unsupported:
		p.say("%s", refusals[i.Feature])
	default:
		if isQuestion(p.Message) {
			p.plan.Steps = append(p.plan.Steps, Step{Kind: Talk, Text: chatText})
			return
		}
		p.say("%s", chatText)
	}
}

// answer answers a free question.
func (p *resolution) answer() {
	topic, ok := planned(p.Message)
	if !ok {
		p.plan.Steps = append(p.plan.Steps, Step{Kind: Summary})
		return
	}
	p.plan.Steps = append(p.plan.Steps, Step{Kind: Suggest, Topic: topic, Text: noStepsText})
}

func (p *resolution) create(i intent.Intent) {
	title := oneLine(i.Title)
	content := todo.NewContent(title)
	if clipped := clip(title, todo.MaxTitle); clipped != title {
		content.Title = clip(title, todo.MaxTitle-1) + "…"
		content.Description = title
	}
	if i.Priority != "" {
		content.Priority = todo.Priority(i.Priority)
	}
	content.Tags = p.tags(i.Tags)
	if i.Due != "" {
		due, err := p.due(i.Due)
		if err != nil { // what was said about the date is kept where it can be read
			content.Description = strings.TrimSpace(content.Description + "\nDue: " + oneLine(i.Due))
			p.act(Operation{Op: "create", Todo: &content})
			p.say("I could not tell which date “%s” is, so I noted it in the description. Say, for example, “move it to friday”.", oneLine(i.Due))
			return
		}
		content.Due = due
	}
	p.act(Operation{Op: "create", Todo: &content})
}

// offerSteps lets a language model, if there is one, suggest steps towards what
// reads as a plan: “plan my move” is a todo, and more than one can do at once.
func (p *resolution) offerSteps(i intent.Intent) {
	topic, ok := planned(i.Title)
	if ok && len(p.Intents) == 1 && strings.HasPrefix(strings.ToLower(i.Title), "plan my ") {
		p.plan.Steps = append(p.plan.Steps, Step{Kind: Suggest, Topic: topic})
	}
}

// due resolves a phrase of time in the person's time zone.
func (p *resolution) due(phrase string) (todo.Due, error) {
	when, err := intent.ResolveDue(phrase, p.Now)
	switch {
	case err != nil:
		return todo.Due{}, err
	case when.Day != "":
		return todo.ParseDue(when.Day)
	}
	return todo.Due{At: when.At.UTC()}, nil
}

func (p *resolution) tags(words []string) []string {
	tags := make([]string, 0, len(words))
	for _, w := range words {
		if w = clip(oneLine(strings.TrimPrefix(w, "#")), todo.MaxTag); w != "" && len(tags) < todo.MaxTags {
			tags = append(tags, w)
		}
	}
	return tags
}

// oneLine makes text fit for a title: no line breaks, no control characters.
func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)), " ")
}

// change resolves an intent that is about todos that are there.
func (p *resolution) change(n int, i intent.Intent) {
	t := readTarget(i.Target)
	if t.all {
		p.changeAll(n, i)
		return
	}
	if number, ok := t.numberIn(p.Context); ok {
		found, looked := p.Found[n]
		switch {
		case !looked:
			p.changeOne(i, Named{Number: number}, nil)
		case len(found.Todos) == 0:
			p.say("There is no todo #%d.", number)
		default:
			p.changeOne(i, nameOf(found.Todos[0]), &found.Todos[0])
		}
		return
	}
	found := p.Found[n].Todos
	switch {
	case t.it:
		p.say("I am not sure which todo you mean. Say its number, or some words of it.")
	case t.position != 0:
		at := t.position - 1
		if t.position == -1 {
			at = len(found) - 1
		}
		if len(p.Context.Shown) > 0 || at < 0 || at >= len(found) {
			p.say("The list is not that long. Say its number, or some words of it.")
			return
		}
		p.changeOne(i, nameOf(found[at]), &found[at])
	case t.words == "":
		p.say("I am not sure which todo you mean. Say its number, or some words of it.")
	default:
		p.changeMatch(i, t.words, found)
	}
}

// mostOffered is how many todos a question names.
const mostOffered = 5

func (p *resolution) changeMatch(i intent.Intent, words string, found []todo.Todo) {
	best, how, near := match(words, i.Op, found)
	switch {
	case len(best) == 1 && (how > alike || i.Op != intent.Delete):
		p.changeOne(i, nameOf(best[0]), &best[0])
	case len(best) == 1:
		p.ask(i, best, "I found nothing called “%s”. Do you mean %s?", words)
	case len(best) > 1:
		p.ask(i, best, "“%s” could be several. Which one do you mean: %s?", words)
	case len(near) > 0:
		p.ask(i, near, "I found nothing called “%s”. Do you mean %s?", words)
	default:
		p.say("I found nothing called “%s”, so I changed nothing.", words)
	}
}

func (p *resolution) ask(i intent.Intent, among []todo.Todo, format, words string) {
	q := &Question{Intent: i}
	var offered []string
	for _, t := range among[:min(len(among), mostOffered)] {
		q.Candidates = append(q.Candidates, nameOf(t))
		offered = append(offered, label(nameOf(t)))
	}
	p.plan.Question = q
	text := fmt.Sprintf(format, words, listed(offered, "or"))
	p.plan.Steps = append(p.plan.Steps, Step{Kind: Say, Text: text, Asks: true})
}

// changeOne acts on one todo, of which at least the number is known; there is
// the todo itself when it was read.
func (p *resolution) changeOne(i intent.Intent, name Named, there *todo.Todo) {
	op := Operation{Op: string(i.Op), Ref: strconv.Itoa(name.Number), Number: name.Number, Title: name.Title}
	if there != nil {
		op.Ref = there.ID.String()
	}
	if i.Op == intent.Delete && there != nil {
		op.IfMatch = there.Version // what is deleted is what was meant
	}
	if i.Op != intent.Update {
		p.act(op)
		return
	}
	patch, ok := p.patch(i, there)
	if !ok {
		return
	}
	if patch == (todo.Patch{}) {
		p.say("What should I change about %s? Say, for example, “move %d to friday” or “rename %d to …”.", label(name), name.Number, name.Number)
		return
	}
	if there != nil && patch.Tags != nil {
		op.IfMatch = there.Version // tags were added to those that were read
	}
	op.Patch = &patch
	p.act(op)
}

// patch returns what an update changes, or says why it cannot.
func (p *resolution) patch(i intent.Intent, there *todo.Todo) (todo.Patch, bool) {
	var patch todo.Patch
	if title := oneLine(i.Title); title != "" {
		title = clip(title, todo.MaxTitle)
		patch.Title = &title
	}
	if i.Priority != "" {
		priority := todo.Priority(i.Priority)
		patch.Priority = &priority
	}
	if i.Due != "" {
		due, err := p.due(i.Due)
		if err != nil {
			p.say("I could not tell which date “%s” is, so I changed nothing. Try “friday”, “3 may” or “tomorrow at 5pm”.", oneLine(i.Due))
			return todo.Patch{}, false
		}
		patch.Due = &due
	}
	if len(i.Tags) > 0 && there != nil {
		tags := append([]string(nil), there.Tags...)
		for _, tag := range p.tags(i.Tags) {
			if !isOneOf(tag, tags...) {
				tags = append(tags, tag)
			}
		}
		patch.Tags = &tags
	}
	return patch, true
}

// changeAll proposes what would change many todos at once.
func (p *resolution) changeAll(n int, i intent.Intent) {
	found, looked := p.Found[n]
	if !looked {
		p.say("I could not tell which date “%s” is, so I changed nothing.", oneLine(i.Filter.Due))
		return
	}
	todos := preferred(i.Op, found.Todos)
	p.left += found.Total - len(found.Todos)
	var ops []Operation
	for _, t := range todos {
		if i.Op == intent.Complete && t.Status == todo.Completed || i.Op == intent.Reopen && t.Status == todo.Pending {
			continue
		}
		op := Operation{Op: string(i.Op), Ref: t.ID.String(), IfMatch: t.Version, Number: t.Number, Title: t.Title}
		if i.Op == intent.Update {
			patch, ok := p.patch(i, &t)
			if !ok {
				return
			}
			if patch == (todo.Patch{}) {
				p.say("What should I change about them?")
				return
			}
			op.Patch = &patch
		}
		ops = append(ops, op)
	}
	switch {
	case len(ops) == 0 && found.Total == 0:
		p.say("There is no such todo, so I changed nothing.")
	case len(ops) == 0:
		p.say("They all are that way already.")
	case len(ops) == 1 && i.Op != intent.Delete:
		p.act(ops[0])
	default:
		p.propose(ops)
	}
}

func (p *resolution) propose(ops []Operation) {
	p.plan.Proposal = append(p.plan.Proposal, ops...)
}

// holdBack turns more than one deletion into a proposal, and every change of
// what is there if it is not sure what was meant. It says what is proposed.
func (p *resolution) holdBack() {
	if p.Unsure {
		p.moveToProposal(func(op Operation) bool { return op.Op != "create" })
		if len(p.plan.Proposal) > 0 {
			p.say("I am not sure that I understood you.")
		}
	}
	deletions := 0
	named := make(map[int]bool)
	for _, op := range p.plan.Operations {
		if op.Op == "delete" {
			deletions++
			named[op.Number] = true
		}
	}
	if deletions > 1 && len(named) == 1 && len(p.plan.Proposal) == 0 {
		p.dropRepeatedDeletion()
		return
	}
	if deletions > 1 || deletions == 1 && len(p.plan.Proposal) > 0 {
		p.moveToProposal(func(op Operation) bool { return op.Op == "delete" })
	}
	p.plan.Proposal = tidy(p.plan.Proposal)
	if most := todo.MaxOperations; len(p.plan.Proposal) > most {
		p.left += len(p.plan.Proposal) - most
		p.plan.Proposal = p.plan.Proposal[:most]
	}
	if len(p.plan.Proposal) > 0 {
		p.say("%s", proposalText(p.plan.Proposal))
	}
	if p.left > 0 {
		p.say("That is as many as I can do at once: %d more would be left.", p.left)
	}
}

// tidy makes operations that can be carried out together: a todo is deleted
// once, and not changed before; of several changes of a todo the first is
// bound to its version, since that changes with it.
func tidy(ops []Operation) []Operation {
	deleted := make(map[int]bool)
	for _, op := range ops {
		if op.Op == "delete" {
			deleted[op.Number] = true
		}
	}
	seen := make(map[int]bool)
	var out []Operation
	for _, op := range ops {
		if deleted[op.Number] && (op.Op != "delete" || seen[op.Number]) {
			continue
		}
		if seen[op.Number] {
			op.IfMatch = 0
		}
		seen[op.Number] = true
		out = append(out, op)
	}
	return out
}

// dropRepeatedDeletion keeps one of several deletions of the same todo.
func (p *resolution) dropRepeatedDeletion() {
	kept := false
	p.keepOperations(func(op Operation) bool {
		if op.Op != "delete" {
			return true
		}
		first := !kept
		kept = true
		return first
	})
}

// moveToProposal proposes some of the operations instead of doing them.
func (p *resolution) moveToProposal(which func(Operation) bool) {
	p.keepOperations(func(op Operation) bool {
		if which(op) {
			p.plan.Proposal = append(p.plan.Proposal, op)
			return false
		}
		return true
	})
}

// keepOperations keeps some of the operations, and the steps that tell of them.
func (p *resolution) keepOperations(keep func(Operation) bool) {
	var kept []Operation
	place := make(map[int]int)
	for n, op := range p.plan.Operations {
		if keep(op) {
			place[n] = len(kept)
			kept = append(kept, op)
		}
	}
	var steps []Step
	for _, s := range p.plan.Steps {
		if s.Kind == Act {
			at, ok := place[s.Index]
			if !ok {
				continue
			}
			s.Index = at
		}
		steps = append(steps, s)
	}
	p.plan.Operations, p.plan.Steps = kept, steps
}

func (p *resolution) list(i intent.Intent) {
	q, err := queryOf(i.Filter, p.Now)
	if err != nil {
		p.say("I could not tell which days “%s” are. Try “today”, “this week” or “next month”.", oneLine(i.Filter.Due))
		return
	}
	p.plan.Steps = append(p.plan.Steps, Step{Kind: ShowAll, Query: &q})
}

func (p *resolution) undo() {
	acts := p.Context.Acts
	if len(acts) == 0 {
		p.say("There is nothing of mine to take back in this conversation.")
		return
	}
	if p.Unsure {
		p.say("I am not sure that I understood you. To take back what I did last, say “undo”.")
		return
	}
	p.plan.Undo = acts[len(acts)-1]
	p.plan.Steps = append(p.plan.Steps, Step{Kind: Undid})
}
