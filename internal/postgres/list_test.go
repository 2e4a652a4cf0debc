package postgres_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/todo"
)

// TestAListIsWhatItsQuerySays compares random queries, read page by page, with
// the same filter and order in plain Go.
func TestAListIsWhatItsQuerySays(t *testing.T) {
	t.Parallel()
	const zone = "Asia/Karachi" // half a day away from UTC's idea of today
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 2, 10, 20, 30, 0, 0, time.UTC) // the 11th in Karachi
	s := newStoreAt(t, func() time.Time { return now })
	who := register(t, s, zone)
	random := rand.New(rand.NewPCG(5, 6))
	var ops []todo.Op
	for range 120 {
		ops = append(ops, todo.Create{ID: uuid.New(), Content: randomContent(random)})
	}
	all := apply(t, s, who, "", ops...).Todos

	for round := range 250 {
		q := randomQuery(random)
		var want []int
		for _, candidate := range sorted(all, q, location) {
			if selects(q, candidate, now, location) {
				want = append(want, candidate.Number)
			}
		}
		var got []int
		for _, found := range allTodos(t, s, who, q) {
			got = append(got, found.Number)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d: %+v (-want +got):\n%s", round, q, diff)
		}
	}
}

func randomContent(r *rand.Rand) todo.Content {
	c := todo.NewContent(fmt.Sprint([]string{"apple", "Banana", "cherry", "Éclair", "100% juice"}[r.IntN(5)], " ", r.IntN(3)))
	c.Priority = []todo.Priority{todo.Low, todo.Medium, todo.High}[r.IntN(3)]
	c.Status = []todo.Status{todo.Pending, todo.Completed}[r.IntN(2)]
	c.Tags = [][]string{{}, {"home"}, {"home", "a_b"}}[r.IntN(3)]
	day := time.Date(2026, 2, 9+r.IntN(5), 0, 0, 0, 0, time.UTC)
	c.Due = []todo.Due{{}, {On: day}, {At: day.Add(time.Duration(r.IntN(24)) * time.Hour)}}[r.IntN(3)]
	return c
}

func randomQuery(r *rand.Rand) todo.Query {
	q := todo.Query{Limit: 1 + r.IntN(30), Ascending: r.IntN(2) == 0}
	q.Sort = []todo.Sort{todo.SortCreated, todo.SortDue, todo.SortPriority, todo.SortTitle}[r.IntN(4)]
	sometimes := func(set func()) {
		if r.IntN(4) == 0 {
			set()
		}
	}
	sometimes(func() { q.Status = todo.Pending })
	sometimes(func() { q.Priority = todo.High })
	sometimes(func() { q.Tag = "home" })
	sometimes(func() { q.Search = []string{"APPLE", "100%", "a_b", "éclair"}[r.IntN(4)] })
	sometimes(func() {
		q.Due = []todo.DueFilter{todo.DueOverdue, todo.DueToday, todo.DueUpcoming, todo.DueNone}[r.IntN(4)]
	})
	bound := func() todo.Due {
		day := time.Date(2026, 2, 9+r.IntN(5), 0, 0, 0, 0, time.UTC)
		return []todo.Due{{On: day}, {At: day.Add(7 * time.Hour)}}[r.IntN(2)]
	}
	sometimes(func() { q.DueBefore = bound() })
	sometimes(func() { q.DueAfter = bound() })
	return q
}

// dueEnd is when a todo becomes overdue, and dueDay the day it is due on.
func dueEnd(d todo.Due, l *time.Location) time.Time {
	if !d.On.IsZero() {
		return time.Date(d.On.Year(), d.On.Month(), d.On.Day()+1, 0, 0, 0, 0, l)
	}
	return d.At
}

func dueDay(d todo.Due, l *time.Location) string {
	if !d.On.IsZero() {
		return d.On.Format(time.DateOnly)
	}
	return d.At.In(l).Format(time.DateOnly)
}

func selects(q todo.Query, t todo.Todo, now time.Time, l *time.Location) bool {
	today, due := now.In(l).Format(time.DateOnly), !t.Due.IsNone()
	bounded := func(bound todo.Due, after bool) bool {
		switch {
		case bound.IsNone():
			return true
		case !due:
			return false
		case !bound.On.IsZero():
			c := cmp.Compare(dueDay(t.Due, l), bound.On.Format(time.DateOnly))
			return after && c > 0 || !after && c < 0
		}
		c := dueEnd(t.Due, l).Compare(bound.At)
		return after && c > 0 || !after && c < 0
	}
	dueFits := map[todo.DueFilter]bool{
		"":               true,
		todo.DueOverdue:  due && t.Status == todo.Pending && !dueEnd(t.Due, l).After(now),
		todo.DueToday:    due && dueDay(t.Due, l) == today,
		todo.DueUpcoming: due && dueDay(t.Due, l) > today,
		todo.DueNone:     !due,
	}[q.Due]
	text := strings.ToLower(t.Title + "\n" + strings.Join(t.Tags, "\n"))
	return dueFits && bounded(q.DueBefore, false) && bounded(q.DueAfter, true) &&
		(q.Status == "" || t.Status == q.Status) && (q.Priority == "" || t.Priority == q.Priority) &&
		(q.Tag == "" || slices.Contains(t.Tags, q.Tag)) && strings.Contains(text, strings.ToLower(q.Search))
}

func sorted(todos []todo.Todo, q todo.Query, l *time.Location) []todo.Todo {
	rank := map[todo.Priority]int{todo.Low: 1, todo.Medium: 2, todo.High: 3}
	title := func(t todo.Todo) string { return strings.NewReplacer("é", "e~").Replace(strings.ToLower(t.Title)) }
	out := slices.Clone(todos)
	slices.SortFunc(out, func(a, b todo.Todo) int {
		c := 0
		switch q.Sort {
		case todo.SortPriority:
			c = cmp.Compare(rank[a.Priority], rank[b.Priority])
		case todo.SortTitle:
			c = cmp.Compare(title(a), title(b))
		case todo.SortDue:
			if a.Due.IsNone() != b.Due.IsNone() { // never due comes last either way
				if a.Due.IsNone() {
					return 1
				}
				return -1
			}
			if !a.Due.IsNone() {
				c = dueEnd(a.Due, l).Compare(dueEnd(b.Due, l))
			}
		}
		c = cmp.Or(c, cmp.Compare(a.Number, b.Number))
		if !q.Ascending {
			c = -c
		}
		return c
	})
	return out
}

func TestSearchForgivesATypo(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	who := register(t, s, "UTC")
	apply(t, s, who, "", create("buy groceries"), create("call the plumber"))
	for search, want := range map[string]int{"grocries": 1, "plummber": 2, "GROCERIES": 1} {
		got := allTodos(t, s, who, todo.Query{Limit: 10, Search: search})
		if len(got) != 1 || got[0].Number != want {
			t.Errorf("search %q finds %v, want #%d", search, got, want)
		}
	}
	for _, search := range []string{"%", "_", `\`, "elephant"} {
		if got := allTodos(t, s, who, todo.Query{Limit: 10, Search: search}); len(got) != 0 {
			t.Errorf("search %q finds %v, want nothing", search, got)
		}
	}
}

func TestADayIsOverdueWhenItHasEndedWhereThePersonIs(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 10, 23, 30, 0, 0, time.UTC)
	s := newStoreAt(t, func() time.Time { return now })
	due := todo.NewContent("due on the 10th")
	due.Due = todo.Due{On: time.Date(2026, 2, 10, 0, 0, 0, 0, time.UTC)}
	for zone, want := range map[string]int{"UTC": 0, "America/New_York": 0, "Europe/Berlin": 1, "Asia/Karachi": 1} {
		who := register(t, s, zone)
		apply(t, s, who, "", todo.Create{ID: uuid.New(), Content: due})
		_, counts, err := s.Account(t.Context(), who)
		if err != nil || counts.Overdue != want {
			t.Errorf("in %s %d are overdue, %v, want %d", zone, counts.Overdue, err, want)
		}
	}
}
