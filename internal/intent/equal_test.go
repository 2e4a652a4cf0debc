package intent

import "testing"

func TestEqualIgnoresWhatDoesNotCount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		a, b Intent
	}{
		{"case and spaces", Intent{Op: Create, Title: "Buy  Milk"}, Intent{Op: Create, Title: " buy milk"}},
		{"outer punctuation", Intent{Op: Create, Title: "“buy milk!”"}, Intent{Op: Create, Title: "buy milk"}},
		{"a leading article", Intent{Op: Create, Title: "the milk"}, Intent{Op: Create, Title: "milk"}},
		{"a trailing noun of a target", Intent{Op: Delete, Target: "the yoga one"}, Intent{Op: Delete, Target: "yoga"}},
		{"the order and # of tags", Intent{Op: Create, Title: "x", Tags: []string{"#b", "A"}}, Intent{Op: Create, Title: "x", Tags: []string{"a", "b"}}},
		{"the status all", Intent{Op: List, Filter: &Filter{Status: "all"}}, Intent{Op: List}},
		{"an empty filter", Intent{Op: List, Filter: &Filter{}}, Intent{Op: List}},
		{"quotes in a query", Intent{Op: List, Filter: &Filter{Query: "'the report'"}}, Intent{Op: List, Filter: &Filter{Query: "report"}}},
	} {
		if !Equal([]Intent{c.a}, []Intent{c.b}) {
			t.Errorf("%s: %+v and %+v differ", c.name, c.a.Normalize(), c.b.Normalize())
		}
	}
}

func TestEqualSeesWhatCounts(t *testing.T) {
	t.Parallel()
	base := Intent{Op: Update, Target: "3", Title: "x", Due: "friday", Priority: "low", Tags: []string{"a"}, Filter: &Filter{Due: "today"}, Feature: Sharing}
	for name, change := range map[string]func(*Intent){
		"op":       func(i *Intent) { i.Op = Delete },
		"target":   func(i *Intent) { i.Target = "4" },
		"title":    func(i *Intent) { i.Title = "x one" },
		"due":      func(i *Intent) { i.Due = "monday" },
		"priority": func(i *Intent) { i.Priority = "high" },
		"tags":     func(i *Intent) { i.Tags = []string{"a", "a"} },
		"filter":   func(i *Intent) { i.Filter = nil },
		"feature":  func(i *Intent) { i.Feature = Recurring },
	} {
		other := base
		change(&other)
		if Equal([]Intent{base}, []Intent{other}) {
			t.Errorf("another %s counts for nothing", name)
		}
	}
	if Equal([]Intent{{Op: Undo}, {Op: List}}, []Intent{{Op: List}, {Op: Undo}}) {
		t.Error("order counts for nothing")
	}
	if Equal([]Intent{{Op: Undo}}, nil) {
		t.Error("number counts for nothing")
	}
}

func TestNormalizeLeavesTheIntentAlone(t *testing.T) {
	t.Parallel()
	i := Intent{Op: List, Tags: []string{"#B", "a"}, Filter: &Filter{Status: "all", Query: "The X"}}
	i.Normalize()
	if i.Tags[0] != "#B" || i.Filter.Status != "all" || i.Filter.Query != "The X" {
		t.Errorf("Normalize changed its receiver: %+v", i)
	}
}

func TestWrongDestructive(t *testing.T) {
	t.Parallel()
	del := func(target string) Intent { return Intent{Op: Delete, Target: target} }
	for _, c := range []struct {
		name      string
		want, got []Intent
		wrong     bool
	}{
		{"the delete asked for", []Intent{del("the yoga one")}, []Intent{del("yoga")}, false},
		{"a delete of another todo", []Intent{del("3")}, []Intent{del("4")}, true},
		{"a delete for a chat", []Intent{{Op: Chat}}, []Intent{del("3")}, true},
		{"a delete too many", []Intent{del("3")}, []Intent{del("3"), del("4")}, true},
		{"a wider delete", []Intent{{Op: Delete, Target: "all", Filter: &Filter{Status: "completed"}}}, []Intent{del("all")}, true},
		{"a complete for a create", []Intent{{Op: Create, Title: "x"}}, []Intent{{Op: Complete, Target: "x"}}, true},
		{"a complete of another todo", []Intent{{Op: Complete, Target: "3"}}, []Intent{{Op: Complete, Target: "4"}}, false},
		{"an update for a reopen", []Intent{{Op: Reopen, Target: "3"}}, []Intent{{Op: Update, Target: "3", Priority: "low"}}, true},
		{"a create for a delete", []Intent{del("3")}, []Intent{{Op: Create, Title: "delete 3"}}, false},
	} {
		if got := WrongDestructive(c.want, c.got); got != c.wrong {
			t.Errorf("%s: %v, want %v", c.name, got, c.wrong)
		}
	}
}
