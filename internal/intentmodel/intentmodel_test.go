package intentmodel_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/intentmodel"
)

func TestAMessageIsDividedIntoWordsAndMarks(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"":                                   "",
		"  add  milk ":                       "add|milk",
		"don't forget the check-up!":         "don't|forget|the|check-up|!",
		"today's list, please":               "today|'|s|list|,|please",
		"at 17:30 on 2026-12-01 or 12/24":    "at|17:30|on|2026-12-01|or|12/24",
		"bread/milk & eggs":                  "bread|/|milk|&|eggs",
		"1,000 euros for a.b@example.com":    "1,000|euros|for|a.b@example.com",
		"done!!! ... ok":                     "done|!|.|ok",
		`call 8 "ring Zoë" #garden`:          `call|8|"|ring|zoe|"|#|garden`,
		"Łódź, Straße and Ærø":               "lodz|,|strasse|and|aero",
		"купить молоко 牛乳":                   "¤|¤|¤",
		"party 🎉👍🏽 ✅ 👨‍👩‍👧":                  "party|☺|☺|✓|☺|☺|☺",
		"a\x00b \uE000\uE001 ¤":              "a|b|☺|☺|☺",
		strings.Repeat("x", 40):              strings.Repeat("x", 24),
		"“quoted” → next":                    `"|quoted|"|>|next`,
		"first\nsecond\tthird":               "first|/|second|third",
		"the dogs' bowls and rock 'n' roll":  "the|dogs|'|bowls|and|rock|'|n|'|roll",
		"snake_case v1.2 version.two 3.5.7x": "snake_case|v1.2|version.two|3.5.7x",
	} {
		var got []string
		for _, u := range intentmodel.Split(message) {
			got = append(got, u.Text)
		}
		if strings.Join(got, "|") != want {
			t.Errorf("Split(%q) = %q, want %q", message, strings.Join(got, "|"), want)
		}
	}
}

func FuzzUnitsAreOrderedAndReadable(f *testing.F) {
	for _, s := range []string{"add milk", "don't", "牛乳 and 🎉", "\xff\xfe", "a'", "'", "1/2/", "\uE000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, message string) {
		at := 0
		for _, u := range intentmodel.Split(message) {
			if u.Start < at || u.End <= u.Start || u.End > len(message) {
				t.Fatalf("%q: unit %d to %d comes after byte %d", message, u.Start, u.End, at)
			}
			at = u.End
			if u.Text == "" || strings.ContainsFunc(u.Text, func(r rune) bool { return r <= ' ' || r >= '\uE000' && r <= '\uF8FF' }) {
				t.Fatalf("%q: the model would read %q", message, u.Text)
			}
			if utf8.ValidString(message) && !utf8.ValidString(message[u.Start:u.End]) {
				t.Fatalf("%q: a unit ends within a character", message)
			}
		}
	})
}

// say writes words of the notation.
func say(words ...string) (text string) {
	for _, w := range words {
		text += intentmodel.Word(w)
	}
	return text
}

func point(word string, from, to int) string {
	return say(word) + intentmodel.Pointer(from) + intentmodel.Pointer(to)
}

func TestAnAnswerIsReadWithTheWordsOfTheMessage(t *testing.T) {
	t.Parallel()
	message := "Buy Zoë's milk by friday at the corner, finish 3 and drop the garden ones #Haus"
	units := intentmodel.Split(message)
	at := func(text string) int {
		return slices.IndexFunc(units, func(u intentmodel.Unit) bool { return message[u.Start:u.End] == text })
	}
	answer := say("create") + point("title", at("Buy"), at("milk")) + point("title", at("at"), at("corner")) + point("due", at("friday"), at("friday")) + point("tag", at("Haus"), at("Haus")) + say("high", "complete") + point("target", at("3"), at("3")) +
		say("delete", "all", "completed", "only_low") + point("whose_tag", at("garden"), at("garden")) +
		say("update", "it") + point("title", at("corner"), at("corner")) + say("low", "list", "open") + point("whose_due", at("friday"), at("friday")) +
		say("only_high") + point("about", at("milk"), at("milk")) + say("unsupported", "notify", "undo")
	got, err := intentmodel.Read(answer, message, units)
	if err != nil {
		t.Fatal(err)
	}
	want := []intent.Intent{
		{Op: intent.Create, Title: "Buy Zoë's milk at the corner", Due: "friday", Priority: "high", Tags: []string{"Haus"}},
		{Op: intent.Complete, Target: "3"},
		{Op: intent.Delete, Target: "all", Filter: &intent.Filter{Tag: "garden", Status: "completed", Priority: "low"}},
		{Op: intent.Update, Target: "it", Priority: "low", Title: "corner"},
		{Op: intent.List, Filter: &intent.Filter{Status: "open", Query: "milk", Due: "friday", Priority: "high"}},
		{Op: intent.Unsupported, Feature: intent.Notification},
		{Op: intent.Undo},
	}
	if !intent.Equal(got, want) || len(got) != len(want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if again, ok := intentmodel.Write(want, message, units); !ok || again != answer {
		t.Errorf("Write = %q, %v, want what was read, %q", again, ok, answer)
	}
}

func TestWhatDoesNotStandInTheMessageHasNoAnswer(t *testing.T) {
	t.Parallel()
	message := "add milk for friday"
	units := intentmodel.Split(message)
	for _, i := range []intent.Intent{
		{Op: intent.Create, Title: "cream"},
		{Op: intent.Create, Title: "milk", Due: "for the friday"},
		{Op: intent.Delete, Target: "add friday"}, // in two places: only a title may
	} {
		if answer, ok := intentmodel.Write([]intent.Intent{i}, message, units); ok {
			t.Errorf("Write(%+v) = %q, want none", i, answer)
		}
	}
}

func TestAnAnswerOutsideTheNotationIsRefused(t *testing.T) {
	t.Parallel()
	message := "add milk"
	units := intentmodel.Split(message)
	p := intentmodel.Pointer
	for _, answer := range []string{
		"", "   ", "create", say("high"), point("title", 0, 1), say("create"), say("delete"), say("unsupported"), say("update", "high"),
		say("create") + point("title", 0, 2), say("create") + point("title", 1, 0), say("create", "title") + p(1), say("create", "title"),
		say("create", "title") + p(0) + p(1) + p(1), say("create") + p(0) + point("title", 1, 1), say("undo", "high") + p(0),
		say("create", "title") + "\uF000\uF001", "Sure! " + say("create") + point("title", 1, 1), say("create", "title", "title") + p(1) + p(1),
		strings.Repeat(say("undo"), 21), say("create") + point("title", 0, 1) + intentmodel.Marks()[0],
	} {
		if got, err := intentmodel.Read(answer, message, units); err == nil {
			t.Errorf("Read(%q) = %+v, want a refusal", answer, got)
		}
	}
}

func TestThePromptReadsTheMessageTwice(t *testing.T) {
	t.Parallel()
	p, marks := intentmodel.Pointer, intentmodel.Marks()
	if got, want := intentmodel.Prompt(intentmodel.Split("Add milk!")), "add"+p(0)+"milk"+p(1)+"!"+p(2)+marks[0]+p(0)+p(1)+p(2)+marks[1]; got != want {
		t.Errorf("Prompt = %q, want %q", got, want)
	}
}
