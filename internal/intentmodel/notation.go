package intentmodel

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/todochat/todochat/internal/intent"
)

// The notation is made of characters from a private area of Unicode, which
// fold leaves nothing of: no message can hold one.
const (
	firstPointer = '\uE000' // at unit 0; the next ones point at the next units
	firstWord    = '\uE100' // of Words
	againMark    = '\uE1FE' // before the second reading
	readyMark    = '\uE1FF' // before the answer
)

// Pointer returns the character that points at unit n.
func Pointer(n int) string { return string(firstPointer + rune(n)) }

// Word returns the character of one of Words.
func Word(name string) string {
	n := slices.Index(Words(), name)
	if n < 0 {
		panic("no word of the notation: " + name)
	}
	return string(firstWord + rune(n))
}

// Marks returns the characters that part what the model reads.
func Marks() []string { return []string{string(againMark), string(readyMark)} }

// Prompt is what the model reads: each unit followed by its pointer, and then
// the pointers alone. The model reads from left to right; the second time it
// comes to a unit it knows all that stands around it.
func Prompt(units []Unit) string {
	var b strings.Builder
	for n, u := range units {
		b.WriteString(u.Text)
		b.WriteString(Pointer(n))
	}
	b.WriteRune(againMark)
	for n := range units {
		b.WriteString(Pointer(n))
	}
	b.WriteRune(readyMark)
	return b.String()
}

// A word of an answer either stands for itself (set) or is followed by the
// first and the last unit of a span (add), and has to do with one member of an
// intent. A title can have several spans.
type word struct {
	name string
	set  func(*intent.Intent)
	add  func(i *intent.Intent, text string)
	// is reports whether an intent has what set does, and span returns what
	// add adds.
	is   func(intent.Intent) bool
	span func(intent.Intent) []string
}

var ops = []intent.Op{
	intent.Create, intent.List, intent.Complete, intent.Reopen, intent.Update, intent.Delete,
	intent.Undo, intent.Ask, intent.Help, intent.Chat, intent.Unsupported,
}

// members are the words of an intent's members, in the order of an answer.
var members = []word{
	spanWord("target", func(i *intent.Intent) *string { return &i.Target }),
	valueWord("it", func(i *intent.Intent) *string { return &i.Target }, "it"),
	valueWord("all", func(i *intent.Intent) *string { return &i.Target }, "all"),
	{
		name: "title",
		add:  func(i *intent.Intent, s string) { i.Title = strings.TrimSpace(i.Title + " " + s) },
		span: func(i intent.Intent) []string { return []string{i.Title} },
	},
	spanWord("due", func(i *intent.Intent) *string { return &i.Due }),
	{
		name: "tag",
		add:  func(i *intent.Intent, s string) { i.Tags = append(i.Tags, s) },
		span: func(i intent.Intent) []string { return i.Tags },
	},
	valueWord("high", func(i *intent.Intent) *string { return &i.Priority }, "high"),
	valueWord("medium", func(i *intent.Intent) *string { return &i.Priority }, "medium"),
	valueWord("low", func(i *intent.Intent) *string { return &i.Priority }, "low"),
	valueWord("open", func(i *intent.Intent) *string { return &filterOf(i).Status }, "open"),
	valueWord("completed", func(i *intent.Intent) *string { return &filterOf(i).Status }, "completed"),
	spanWord("whose_due", func(i *intent.Intent) *string { return &filterOf(i).Due }),
	valueWord("only_high", func(i *intent.Intent) *string { return &filterOf(i).Priority }, "high"),
	valueWord("only_medium", func(i *intent.Intent) *string { return &filterOf(i).Priority }, "medium"),
	valueWord("only_low", func(i *intent.Intent) *string { return &filterOf(i).Priority }, "low"),
	spanWord("whose_tag", func(i *intent.Intent) *string { return &filterOf(i).Tag }),
	spanWord("about", func(i *intent.Intent) *string { return &filterOf(i).Query }),
	featureWord("recurring", intent.Recurring),
	featureWord("reminder", intent.Reminder),
	featureWord("notify", intent.Notification),
	featureWord("sharing", intent.Sharing),
	featureWord("other", intent.OtherFeature),
}

// spanWord is followed by pointers at what a member holds. "it" and "all" are
// no spans.
func spanWord(name string, member func(*intent.Intent) *string) word {
	return word{
		name: name,
		add:  func(i *intent.Intent, s string) { *member(i) = s },
		span: func(i intent.Intent) []string {
			if s := *member(&i); name != "target" || s != "it" && s != "all" {
				return []string{s}
			}
			return nil
		},
	}
}

// valueWord stands for a value of a member.
func valueWord(name string, member func(*intent.Intent) *string, value string) word {
	return word{
		name: name,
		set:  func(i *intent.Intent) { *member(i) = value },
		is:   func(i intent.Intent) bool { return *member(&i) == value },
	}
}

func featureWord(name string, f intent.Feature) word {
	return word{
		name: name,
		set:  func(i *intent.Intent) { i.Feature = f },
		is:   func(i intent.Intent) bool { return i.Feature == f },
	}
}

func filterOf(i *intent.Intent) *intent.Filter {
	if i.Filter == nil {
		i.Filter = new(intent.Filter)
	}
	return i.Filter
}

// Words returns every word of an answer: the operations, and then the members
// in the order in which an answer has them.
func Words() []string {
	names := make([]string, 0, len(ops)+len(members))
	for _, op := range ops {
		names = append(names, string(op))
	}
	for _, m := range members {
		names = append(names, m.name)
	}
	return names
}

// Read turns an answer of the model into the intents it stands for. What it
// points at is copied from the message, so that every word of an intent is one
// that the person wrote. An answer that does not follow the notation is
// refused.
func Read(answer, message string, units []Unit) ([]intent.Intent, error) {
	var intents []intent.Intent
	runes := []rune(strings.TrimSpace(answer))
	for len(runes) > 0 {
		n := int(runes[0] - firstWord)
		runes = runes[1:]
		switch {
		case n >= 0 && n < len(ops):
			intents = append(intents, intent.Intent{Op: ops[n]})
			continue
		case n < 0 || n >= len(ops)+len(members):
			return nil, errors.New("the answer has a character that is no word")
		case len(intents) == 0:
			return nil, errors.New("the answer begins without an operation")
		}
		last := &intents[len(intents)-1]
		m := members[n-len(ops)]
		if m.set != nil {
			m.set(last)
			continue
		}
		if len(runes) < 2 {
			return nil, fmt.Errorf("the answer ends within %s", m.name)
		}
		from, to := int(runes[0]-firstPointer), int(runes[1]-firstPointer)
		if from < 0 || from > to || to >= len(units) {
			return nil, fmt.Errorf("%s points at units %d to %d of %d", m.name, from, to, len(units))
		}
		m.add(last, message[units[from].Start:units[to].End])
		runes = runes[2:]
	}
	if len(intents) == 0 {
		return nil, errors.New("the answer is empty")
	}
	if err := intent.Check(intents); err != nil {
		return nil, err
	}
	return intents, nil
}

// Write is the answer that stands for intents of a message. It returns false
// when there is none, because a word of theirs does not stand in the message.
func Write(intents []intent.Intent, message string, units []Unit) (answer string, ok bool) {
	var b strings.Builder
	at := 0 // where the spans of the last intent began
	for _, i := range intents {
		b.WriteString(Word(string(i.Op)))
		if i.Filter == nil {
			i.Filter = new(intent.Filter)
		}
		for _, m := range members {
			if m.set != nil {
				if m.is(i) {
					b.WriteString(Word(m.name))
				}
				continue
			}
			for _, span := range m.span(i) {
				if strings.TrimSpace(span) == "" {
					continue
				}
				pieces := locate(Split(span), units, at)
				if pieces == nil || len(pieces) > 1 && m.name != "title" {
					return "", false
				}
				for _, p := range pieces {
					b.WriteString(Word(m.name) + Pointer(p.from) + Pointer(p.to))
				}
				if m.name == "title" || m.name == "target" {
					at = pieces[0].from
				}
			}
		}
	}
	return b.String(), true
}

type piece struct{ from, to int } // the first and the last unit

// mostPieces is how many places of a message one title may come from.
const mostPieces = 3

// locate finds the units of a span among those of a message: in one piece, from
// the given unit on if possible, or else in a few pieces in order.
func locate(span, units []Unit, from int) []piece {
	if len(span) == 0 {
		return nil
	}
	for _, begin := range []int{from, 0} {
		for at := begin; at+len(span) <= len(units); at++ {
			if matching(span, units[at:]) == len(span) {
				return []piece{{at, at + len(span) - 1}}
			}
		}
	}
	var pieces []piece
	for at := 0; at < len(units) && len(span) > 0; at++ {
		if n := matching(span, units[at:]); n > 0 {
			pieces = append(pieces, piece{at, at + n - 1})
			span = span[n:]
			at += n - 1
		}
	}
	if len(span) > 0 || len(pieces) > mostPieces {
		return nil
	}
	return pieces
}

// matching returns how many units of span the others begin with.
func matching(span, units []Unit) int {
	n := 0
	for n < len(span) && n < len(units) && span[n].Text == units[n].Text {
		n++
	}
	return n
}
