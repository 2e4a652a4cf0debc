package todo_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
)

func TestADueDateIsADayOrAMoment(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"2026-02-01":                     "2026-02-01",
		"2026-02-01T17:00:00Z":           "2026-02-01T17:00:00Z",
		"2026-02-01T17:00:00+05:00":      "2026-02-01T12:00:00Z",
		"2026-02-01T17:00:00.123456789Z": "2026-02-01T17:00:00.123456Z",
		"2026-02-30":                     "",
		"2026-02-01T17:00:00":            "", // no zone: nobody knows which moment
		"tomorrow":                       "",
		"":                               "",
		"0000-01-01":                     "",
		"0001-01-01T00:00:00+14:00":      "", // before the year 1 in UTC
		"0001-01-01":                     "", // the zero time stands for no due date
		"9999-12-31":                     "9999-12-31",
	} {
		got, err := todo.ParseDue(in)
		if got.String() != want || (want == "") != (fault.KindOf(err) == fault.Invalid) {
			t.Errorf("ParseDue(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestATodoSurvivesItsWireForm(t *testing.T) {
	t.Parallel()
	completed := noon
	for _, want := range []todo.Todo{
		{ID: uuid.New(), Number: 1, Title: "a “title”", Status: todo.Pending, Priority: todo.Low, Tags: []string{}, Version: 1, CreatedAt: noon, UpdatedAt: later},
		{ID: uuid.New(), Number: 2, Title: "b", Status: todo.Completed, Priority: todo.High, Due: todo.Due{At: later}, Tags: []string{"x"}, CreatedAt: noon, UpdatedAt: later, CompletedAt: &completed},
		{ID: uuid.New(), Number: 3, Title: "c", Due: todo.Due{On: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}, Tags: []string{}, CreatedAt: noon, UpdatedAt: later},
	} {
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got todo.Todo
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("read %s: %v", b, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", b, diff)
		}
	}
}

func TestARefIsAnIDOrANumber(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	for in, want := range map[string]todo.Ref{
		"1": {Number: 1}, "2147483647": {Number: 2147483647}, id.String(): {ID: id},
		"": {}, "0": {}, "-1": {}, "+1": {}, "01": {}, "1.0": {}, "2147483648": {}, "one": {},
		"{" + id.String() + "}": {}, "urn:uuid:" + id.String(): {},
	} {
		got, err := todo.ParseRef(in)
		if got != want || (want == todo.Ref{}) != (fault.KindOf(err) == fault.Invalid) {
			t.Errorf("ParseRef(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
}

func TestACursorServesItsOwnOrderOnly(t *testing.T) {
	t.Parallel()
	due := noon.UnixMicro()
	for _, want := range []todo.Cursor{
		{Sort: todo.SortCreated, Number: 3},
		{Sort: todo.SortTitle, Ascending: true, Number: 3, Title: "é"},
		{Sort: todo.SortDue, Ascending: true, Number: 3, Due: &due},
		{Sort: todo.SortDue, Number: 3},
		{Sort: todo.SortPriority, Number: 3, Priority: todo.High},
	} {
		got, err := todo.ParseCursor(want.String(), want.Sort, want.Ascending)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("cursor %+v came back as %+v, %v", want, got, err)
		}
		if _, err := todo.ParseCursor(want.String(), want.Sort, !want.Ascending); fault.KindOf(err) != fault.Invalid {
			t.Errorf("cursor %+v served the other direction: %v", want, err)
		}
	}
	for _, bad := range []string{"x", "e30", "bnVsbA", "eyJzIjoiY3JlYXRlZCIsIm4iOi0xfQ", "eyJzIjoiY3JlYXRlZCIsIm4iOjk5OTk5OTk5OTk5fQ"} {
		if _, err := todo.ParseCursor(bad, todo.SortCreated, false); fault.KindOf(err) != fault.Invalid {
			t.Errorf("cursor %q: %v, want it refused", bad, err)
		}
	}
}

func TestAFingerprintTellsRequestsApart(t *testing.T) {
	t.Parallel()
	title, other := "a", "b"
	one := []todo.Op{todo.Update{Ref: number(1), Patch: todo.Patch{Title: &title}}}
	seen := map[string]string{}
	for name, ops := range map[string][]todo.Op{
		"update 1":          one,
		"another title":     {todo.Update{Ref: number(1), Patch: todo.Patch{Title: &other}}},
		"another ref":       {todo.Update{Ref: number(2), Patch: todo.Patch{Title: &title}}},
		"another condition": {todo.Update{Ref: number(1), Patch: todo.Patch{Title: &title}, IfMatch: 1}},
		"clearing due":      {todo.Update{Ref: number(1), Patch: todo.Patch{Due: &todo.Due{}}}},
		"no change":         {todo.Update{Ref: number(1)}},
		"complete":          {todo.Complete{Ref: number(1)}},
		"reopen":            {todo.Reopen{Ref: number(1)}},
		"twice":             append(one, one...),
		"undo":              {todo.Undo{Seq: 1}},
	} {
		print, err := todo.Fingerprint(ops)
		if err != nil {
			t.Fatal(err)
		}
		if twin, ok := seen[string(print)]; ok {
			t.Errorf("%q and %q have the same fingerprint", name, twin)
		}
		seen[string(print)] = name
	}
	first, _ := todo.Fingerprint([]todo.Op{create("x")})
	second, _ := todo.Fingerprint([]todo.Op{create("x")}) // another id: no part of what was asked
	if string(first) != string(second) {
		t.Error("the same creation has two fingerprints")
	}
}
