package chat

import (
	"fmt"
	"strings"
	"time"

	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/todo"
)

// Outcome is what really happened.
type Outcome struct {
	Todos   []todo.Todo // of each operation, afterwards
	Changed []bool      // whether each operation changed its todo
	Undone  []todo.Todo
	Lists   []Found // of each ShowAll step, in their order
	Counts  Counts
	Open    Found // what is open, soonest first, for a step that answers
	Now     time.Time
}

// Counts sums up an account's todos.
type Counts struct{ Total, Pending, Completed, Overdue int }

const (
	helpText = `Tell me what to do with your list, for example:
“add buy milk tomorrow, high priority”
“what is due this week?”
“mark 2 done”, “rename 2 to buy oat milk”, “move the dentist to next friday”
“delete 2”, “undo”
“what should I do first?”`

	chatText = `I look after your todo list. Say “add buy milk tomorrow”, “what is due today?” or “mark 1 done” — or “help” for more.`
)

// refusals say what is not there, and what can be done instead.
var refusals = map[intent.Feature]string{
	intent.Recurring:    "Repeating todos are not available, so I added nothing. I can add it once, with a date: “add water the plants on monday”.",
	intent.Reminder:     "I cannot remind you at a time, so I added nothing. I can add a todo that is due then: “add call mum tomorrow at 5pm”.",
	intent.Notification: "I cannot send messages or notifications. I can show what is due whenever you ask: “what is due today?”",
	intent.Sharing:      "Todos cannot be shared with other people: your list is yours alone.",
	intent.OtherFeature: "That is something I cannot do. I can add, find, change, complete and delete todos; say “help” for examples.",
}

// Reply says what happened, step by step, without a language model.
func (p Plan) Reply(o Outcome) string {
	var parts []string
	for n := range p.Steps {
		if text := p.Told(n, o); text != "" {
			parts = append(parts, text)
		}
	}
	if p.Notice != "" {
		parts = append(parts, p.Notice)
	}
	return strings.Join(parts, "\n")
}

// Told says what became of step n; "" if that is nothing to speak of.
func (p Plan) Told(n int, o Outcome) string {
	s := p.Steps[n]
	switch s.Kind {
	case Act:
		return told(p.Operations[s.Index], o.Todos[s.Index], o.Changed[s.Index], o.Now)
	case Undid:
		return toldUndone(o.Undone)
	case ShowAll:
		lists := 0
		for _, before := range p.Steps[:n] {
			if before.Kind == ShowAll {
				lists++
			}
		}
		return shown(o.Lists[lists], o.Now)
	case Summary:
		return summary(o)
	}
	return s.Text
}

func told(op Operation, t todo.Todo, changed bool, now time.Time) string {
	name := label(nameOf(t))
	switch {
	case op.Op == "create":
		return "Added " + described(t, now) + "."
	case op.Op == "complete" && !changed:
		return name + " was done already."
	case op.Op == "complete":
		return "Done: " + name + "."
	case op.Op == "reopen" && !changed:
		return name + " is open already."
	case op.Op == "reopen":
		return "Open again: " + name + "."
	case op.Op == "delete":
		return "Deleted " + name + "."
	case !changed:
		return name + " is that way already."
	}
	return "Changed: " + described(t, now) + "."
}

func toldUndone(todos []todo.Todo) string {
	ops := make([]Operation, len(todos))
	for i, t := range todos {
		ops[i] = Operation{Number: t.Number, Title: t.Title}
	}
	return "Taken back: " + someNames(ops) + "."
}

func shown(f Found, now time.Time) string {
	if len(f.Todos) == 0 {
		return "I found nothing."
	}
	lines := make([]string, 0, len(f.Todos)+2)
	lines = append(lines, plural(f.Total, "todo")+":")
	for _, t := range f.Todos {
		line := described(t, now)
		if t.Status == todo.Completed {
			line += " ✓"
		}
		lines = append(lines, line)
	}
	if more := f.Total - len(f.Todos); more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	return strings.Join(lines, "\n")
}

func proposalText(ops []Operation) string {
	verbs := map[string]string{"create": "add", "delete": "delete", "complete": "complete", "reopen": "reopen", "update": "change"}
	verb := verbs[ops[0].Op]
	for _, op := range ops {
		if verbs[op.Op] != verb {
			verb = "change"
		}
	}
	return fmt.Sprintf("This would %s %s: %s. Nothing has happened yet: shall I?", verb, plural(len(ops), "todo"), someNames(ops))
}

// label is how a todo is called: by number, and title if known.
func label(n Named) string {
	switch {
	case n.Title == "":
		return fmt.Sprintf("#%d", n.Number)
	case n.Number == 0: // it is not there yet
		return n.Title
	}
	return fmt.Sprintf("#%d %s", n.Number, n.Title)
}

func described(t todo.Todo, now time.Time) string {
	var more []string
	if !t.Due.IsNone() {
		more = append(more, "due "+dueText(t.Due, now))
	}
	if t.Priority != todo.Medium {
		more = append(more, string(t.Priority)+" priority")
	}
	for _, tag := range t.Tags {
		more = append(more, "#"+tag)
	}
	if len(more) == 0 {
		return label(nameOf(t))
	}
	return label(nameOf(t)) + " — " + strings.Join(more, ", ")
}

// dayOf returns the day that a todo is due on for the person, as midnight UTC.
func dayOf(d todo.Due, now time.Time) time.Time {
	switch {
	case !d.On.IsZero():
		return d.On
	case !d.At.IsZero():
		return dateOf(d.At.In(now.Location()))
	}
	return time.Time{}
}

func dateOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func dueText(d todo.Due, now time.Time) string {
	day, today := dayOf(d, now), dateOf(now)
	var text string
	switch days := int(day.Sub(today).Hours() / 24); {
	case days == 0:
		text = "today"
	case days == 1:
		text = "tomorrow"
	case days == -1:
		text = "yesterday"
	case day.Year() == today.Year():
		text = day.Format("Mon 2 Jan")
	default:
		text = day.Format("Mon 2 Jan 2006")
	}
	if !d.At.IsZero() {
		text += " " + d.At.In(now.Location()).Format("15:04")
	}
	return text
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func listed(names []string, last string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + last + " " + names[len(names)-1]
}
