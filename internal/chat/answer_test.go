package chat

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/todo"
)

// guarded is what a guard lets through of an answer that comes in pieces of n bytes.
func guarded(g *Guard, answer string, n int) string {
	var out strings.Builder
	for len(answer) > 0 {
		cut := min(n, len(answer))
		for cut < len(answer) && answer[cut]&0xc0 == 0x80 { // pieces are whole characters
			cut++
		}
		out.WriteString(g.Write(answer[:cut]))
		answer = answer[cut:]
	}
	out.WriteString(g.Close())
	return out.String()
}

func TestAModelsFiguresAreKeptBack(t *testing.T) {
	t.Parallel()
	todos := there("renew the passport", "buy 2kg of flour", "book the Friday dinner")
	todos[0].Number = 12
	todos[1].Tags = []string{"2027"}
	o := Outcome{Open: Found{Todos: todos, Total: 3}, Now: berlin(t)}
	for answer, want := range map[string]string{
		"Start with #12, then #2.":                      "Start with #12, then #2.",
		"You have 3 open todos.":                        "You have … open todos.",
		"You have three open todos, twenty-one in all.": "You have … open todos, …-one in all.",
		"#99 is due on Friday, 12 May at 17:30!":        "… is due on Friday, … May at …:…!", // Friday is a word of a title
		"It's due Monday's morning and in december.":    "It's due …'s morning and in ….",
		"Get the 2kg of flour (tag 2027).":              "Get the 2kg of flour (tag 2027).",
		"1. call the bank\n2) pay\n":                    "– call the bank\n– pay\n",
		"**#12** first – it's overdue":                  "**#12** first – it's overdue",
		"Du hast ３ Aufgaben, ½ davon heute.":            "Du hast … Aufgaben, … davon heute.",
		"someone often listens to tender ties":          "someone often listens to tender ties",
		"tw":                                            "tw",
		"two":                                           "…",
		"abc4d":                                         "abc…",
		"Nothing is urgent.\x00\x1b[31m":                "Nothing is urgent.[…",
		"mid-April, Monday/Tuesday, two–three, `three`, ~five, <b>seven</b>, five‑six, ten%": "mid-…, …/…, …–…, `…`, ~…, <b>…</b>, …‑…, …%",
		"#12's and #2/#12, #1x": "#12's and #2/#12, …",
	} {
		for _, n := range []int{1, 2, 3, 7, 100} {
			if got := guarded(NewGuard(o), answer, n); got != want {
				t.Errorf("%q in pieces of %d: %q, want %q", answer, n, got, want)
			}
		}
	}
	g := NewGuard(o)
	guarded(g, "#2 and #12 and #2 and #7", 4)
	if got := g.Spoken(); !slices.Equal(got, []int{2, 12}) {
		t.Errorf("it spoke of %v, want 2 and 12", got)
	}
}

func TestAWordIsHeldOnlyWhileItMayBeAFigure(t *testing.T) {
	t.Parallel()
	g := NewGuard(Outcome{})
	for _, step := range []struct{ piece, want string }{
		{"You", "You"}, {" should", " should"}, {" s", " "}, {"tart", "start"}, {" tw", " "}, {"o", ""}, {" days", "… days"}, {" 1", " "}, {"2", ""}, {" x", "… x"},
	} {
		if got := g.Write(step.piece); got != step.want {
			t.Errorf("after %q comes %q, want %q", step.piece, got, step.want)
		}
	}
}

func TestTheModelIsToldNoFigure(t *testing.T) {
	t.Parallel()
	now := berlin(t)
	todos := there("call the bank", "water the plants", "paint")
	todos[0].Due = todo.Due{On: dateOf(now).AddDate(0, 0, -1)}
	todos[1].Due = todo.Due{At: now.Add(30 * time.Hour).UTC()}
	todos[1].Priority = todo.High
	todos[2].Tags = []string{"house"}
	p := AnswerPrompt("what now?", Outcome{Open: Found{Todos: todos, Total: 3}, Now: now, Counts: Counts{Total: 77, Pending: 3}}, 6000)
	want := "#1 call the bank (overdue)\n#2 water the plants (due tomorrow, high priority)\n#3 paint (no date, tag house)\n"
	if !strings.HasSuffix(p.System, want) || strings.Contains(p.System, "77") || strings.Contains(p.System, "2026") {
		t.Errorf("the model is told %q, want it to end with %q", p.System, want)
	}
	if p = AnswerPrompt("what now?", Outcome{Open: Found{Todos: todos, Total: 3}, Now: now}, 40); !strings.HasSuffix(p.System, "(overdue)\nand more\n") {
		t.Errorf("a list that is too long ends with %q", p.System[len(p.System)-60:])
	}
	if facts := Facts(Outcome{Open: Found{Todos: todos, Total: 3}, Now: now, Counts: Counts{Total: 3, Pending: 3, Overdue: 1}}, []int{1, 3}); facts !=
		"Your list: 3 todos open, 1 of them overdue; 0 done.\n#1 call the bank — due yesterday" {
		t.Errorf("the program adds %q", facts)
	}
}

func TestAPlanIsToldFromADay(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"plan my move":                              "my move",
		"Plan my move to Lisbon, please!":           "my move to Lisbon",
		"break the kitchen renovation into steps":   "the kitchen renovation",
		"split 4 up into smaller pieces":            "4",
		"can you break down my thesis?":             "my thesis",
		"help me plan for the wedding":              "the wedding",
		"suggest some steps to learn Portuguese":    "learn Portuguese",
		"how do I tackle the tax return?":           "the tax return",
		"plan my afternoon":                         "",
		"plan the rest of my day":                   "",
		"plan today":                                "",
		"can you plan my week around the rehearsal": "",
		"what should I do first?":                   "",
		"add plan the party":                        "",
		"planes are loud":                           "",
	} {
		topic, ok := planned(message)
		if topic != want || ok != (want != "") {
			t.Errorf("%q is a plan of %q, %t, want %q", message, topic, ok, want)
		}
	}
	if got := (Step{Kind: Suggest, Topic: "4"}).TopicNumber(); got != 4 {
		t.Errorf("the topic 4 is todo %d", got)
	}
}

func TestAPlanOfOnesOwnIsATodoAndAnOffer(t *testing.T) {
	t.Parallel()
	create := intent.Intent{Op: intent.Create, Title: "plan my move"}
	plan := resolve(t, Context{}, nil, create)
	if len(plan.Operations) != 1 || len(plan.Steps) != 2 || plan.Steps[1].Kind != Suggest || plan.Steps[1].Topic != "my move" {
		t.Errorf("%+v, want it added and steps offered", plan.Steps)
	}
	if reply := plan.Reply(Outcome{Todos: there("plan my move"), Changed: []bool{true}, Now: berlin(t)}); reply != "Added #1 plan my move." {
		t.Errorf("without a model: %q", reply)
	}
	create.Title = "plan the party"
	if plan := resolve(t, Context{}, nil, create); len(plan.Steps) != 1 {
		t.Errorf("%q leads to %+v", create.Title, plan.Steps)
	}
}

func TestOnlyWhatCanBeATodoIsSuggested(t *testing.T) {
	t.Parallel()
	plan, ok := Plan{}.Suggested([]string{"1. Pack the books", "- pack the books", "  ", "Label\nthe boxes", strings.Repeat("x", 300), "3)"})
	var titles []string
	for _, op := range plan.Proposal {
		if op.Op != "create" || op.Todo.Title != op.Title {
			t.Errorf("%+v", op)
		}
		titles = append(titles, op.Title)
	}
	want := []string{"Pack the books", "Label the boxes", strings.Repeat("x", 255)}
	if !ok || !slices.Equal(titles, want) {
		t.Errorf("%q, want %q", titles, want)
	}
	if text := proposalText(plan.Proposal[:2]); text != "This would add 2 todos: Pack the books and Label the boxes. Nothing has happened yet: shall I?" {
		t.Errorf("it is told as %q", text)
	}
	if _, ok := (Plan{}).Suggested([]string{"", "1."}); ok {
		t.Error("nothing was suggested, and taken")
	}
}

func TestAPlaceIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	p := Place{UpdatedAt: time.Date(2026, 2, 4, 10, 0, 0, 123000, time.UTC), ID: uuid.New()}
	if got, err := ParsePlace(p.String()); err != nil || got != p {
		t.Errorf("%+v, %v, want %+v", got, err, p)
	}
	far := Place{UpdatedAt: time.UnixMicro(-300000000000000000), ID: p.ID}
	for _, bad := range []string{far.String(), "", "x", "????", p.String()[:8]} {
		if _, err := ParsePlace(bad); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v, want invalid", bad, err)
		}
	}
}
