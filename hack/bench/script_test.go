package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What pgbench runs is made from what the todo function sends, and then seen
// to be the same: watch fails when it is not.
func TestPgbenchSendsWhatTheTodoFunctionSends(t *testing.T) {
	t.Parallel()
	b, err := open(t.Context(), options{rounds: 1, round: time.Second, starts: 1}, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	people, err := b.signUp(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	create, err := b.scriptOfCreate(t.Context(), people)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"begin", "select from accounts for no key update", "select from sessions", "",
		"insert into todos", "insert into changes", "update accounts", "commit", "",
	}
	if diff := cmp.Diff(want, outline(create.text)); diff != "" {
		t.Errorf("a create is sent so (-want +got):\n%s", diff)
	}
	if _, err := b.pgbench.rate(t.Context(), b.database("todo"), len(people), time.Second, create); err != nil {
		t.Error(err)
	}
	if err := b.checkGapless(t.Context()); err != nil {
		t.Errorf("after pgbench's creates: %v", err)
	}
	for number, want := range map[string][]string{
		"1": {"select from sessions", "select from todos", ""},
		"":  {"select from sessions", "select from accounts", "select from todos", "select from todos", ""},
	} {
		path := strings.TrimSuffix("/api/todos/"+number, "/")
		read, answer, err := b.scriptOfRead(t.Context(), people, path, number)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, outline(read.text)); diff != "" {
			t.Errorf("%s is read so (-want +got):\n%s", path, diff)
		}
		if !strings.Contains(string(answer), "Call the garage") {
			t.Errorf("%s was answered with %s", path, answer)
		}
	}
}

// outline says in short what a script sends; an empty line ends a trip.
func outline(text string) []string {
	var lines []string
	_, text, _ = strings.Cut(text, "\\startpipeline\n")
	for statement := range strings.SplitSeq(text, ";\n") {
		words := strings.Fields(statement)
		if len(words) > 0 && words[0] == "\\endpipeline" {
			lines, words = append(lines, ""), words[1:]
			for len(words) > 0 && words[0] != "\\startpipeline" {
				words = words[1:]
			}
			if len(words) == 0 {
				break
			}
			words = words[1:]
		}
		s := strings.Join(words, " ")
		switch {
		case words[0] == "select":
			_, table, _ := strings.Cut(s, " from ")
			table, _, _ = strings.Cut(table, " ")
			line := "select from " + table
			if strings.HasSuffix(s, "for no key update") {
				line += " for no key update"
			}
			lines = append(lines, line)
		case words[0] == "insert":
			lines = append(lines, strings.Join(words[:3], " "))
		case words[0] == "update":
			lines = append(lines, strings.Join(words[:2], " "))
		default:
			lines = append(lines, s)
		}
	}
	return lines
}

func TestAStatementThatDiffersIsNoticed(t *testing.T) {
	t.Parallel()
	todo := []trip{
		{{sql: "begin"}, {sql: "\n\tselect seq from accounts\n\twhere id = $1"}},
		{{sql: "insert into todos (id, due_on, title) values ($1, $2, $3)"}, {sql: "commit"}},
	}
	first := trip{{sql: "begin"}, {sql: "select seq from accounts where id = $1;"}}
	insert := statement{sql: "insert into todos (id, due_on, title) values (lpad($1, 32, '0')::uuid, (null), $2);"}
	for _, test := range []struct {
		name    string
		pgbench []trip
		differs string
	}{
		{"the same", []trip{first, {insert, {sql: "commit"}}}, ""},
		{"after another trip", []trip{{{sql: "select 1"}}, first, {insert, {sql: "commit"}}}, ""},
		{"a statement more", []trip{append(first, statement{sql: "select 1"}), {insert, {sql: "commit"}}}, "trip 1 differs"},
		{"a statement less", []trip{first, {insert}}, "trip 2 differs"},
		{"another statement", []trip{first, {insert, {sql: "rollback"}}}, "trip 2 differs"},
		{"another column", []trip{first, {{sql: strings.Replace(insert.sql, "title", "tags", 1)}, {sql: "commit"}}}, "trip 2 differs"},
		{"another order", []trip{first, {{sql: "commit"}, insert}}, "trip 2 differs"},
		{"one trip for two", []trip{append(first, insert, statement{sql: "commit"})}, "trip 1 differs"},
		{"a trip less", []trip{first}, "pgbench makes 1 trips"},
		{"nothing", nil, "pgbench makes 0 trips"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := checkSame(todo, test.pgbench)
			if test.differs == "" && err != nil || test.differs != "" && (err == nil || !strings.Contains(err.Error(), test.differs)) {
				t.Errorf("got %v, want an error with %q", err, test.differs)
			}
		})
	}
	if err := checkSame(nil, nil); err == nil {
		t.Error("nothing was seen, and that is no error")
	}
}

func TestTheVersionOfPgbenchIsRead(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"pgbench (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 15,
		"pgbench (PostgreSQL) 18.4\n":                           18,
		"pgbench (PostgreSQL) 9.6.24":                           9,
		"something else":                                        0,
	} {
		if _, got := pgbenchVersion(line); got != want {
			t.Errorf("%q is version %d, want %d", line, got, want)
		}
	}
}

func TestTheRateOfPgbenchIsRead(t *testing.T) {
	t.Parallel()
	const out = "number of failed transactions: 0 (0.000%)\nlatency average = 6.3 ms\ninitial connection time = 20.1 ms\ntps = 2526.123456 (without initial connection time)\n"
	if got, err := pgbenchRate([]byte(out)); err != nil || got != 2526.123456 {
		t.Errorf("got %v, %v, want 2526.123456", got, err)
	}
	for _, bad := range []string{"", strings.Replace(out, ": 0", ": 3", 1)} {
		if got, err := pgbenchRate([]byte(bad)); err == nil {
			t.Errorf("%q has the rate %v, want an error", bad, got)
		}
	}
}

func TestOnlyKnownMeasurementsCanBeChosen(t *testing.T) {
	t.Parallel()
	var help strings.Builder
	if o, err := parseOptions([]string{"-only", "create", "-quick"}, &help); err != nil || o.only != "create" || o.round != time.Second {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, args := range [][]string{{"-only", "nothing"}, {"extra"}} {
		if o, err := parseOptions(args, &help); err == nil {
			t.Errorf("%q is accepted as %+v", args, o)
		}
	}
}
