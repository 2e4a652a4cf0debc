package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// script is what pgbench runs again and again, with the variables it needs.
type script struct {
	text      string
	variables []string // name=value each
}

// setup begins every script: once for each client it finds out who that is, and
// where the account's numbers stand, as variables.
const setup = `\if :ready = 0
select account, session, seq, next_number as number
from (values %s) c (client, account, session) join accounts on id = account
where client = :client_id \gset
\set ready 1
\endif
`

// What a client counts on its own: it is the only one to write to its account.
const (
	beforeCreate = `\set seq :seq + 1
\set next_number :number + 1
`
	afterCreate = `\set number :next_number
`
	beforeRead = `\set number random(1, 1000)
`
)

// A script cannot say two things that a program can: null, and a new id. For
// the one it says so in SQL, for the other it makes an id of a number.
const (
	scriptNull = "(null)"
	scriptID   = "lpad(:number, 32, '0')::uuid"
)

// observation is what one request made the todo function send.
type observation struct {
	trips         []trip
	names         map[string]string // what a script puts for values that change
	before, after string            // what else the script does
}

// script writes the trips as a pgbench script for the people: the same
// statements in the same trips. Parameters without a name are those that were
// recorded.
func (o observation) script(ctx context.Context, conn *pgx.Conn, people []person) (script, error) {
	s := script{variables: []string{"ready=0"}}
	clients := make([]string, len(people))
	for i, p := range people {
		clients[i] = fmt.Sprintf("(%d, '%s'::uuid, '%s'::uuid)", i, p.account, p.session)
	}
	var text strings.Builder
	fmt.Fprintf(&text, setup, strings.Join(clients, ", "))
	text.WriteString(o.before)
	for _, t := range o.trips {
		text.WriteString("\\startpipeline\n")
		for _, statement := range t {
			values, err := statement.values(ctx, conn)
			if err != nil {
				return script{}, err
			}
			text.WriteString(replaceParameters(statement.sql, func(n int) string {
				v := values[n-1]
				if v.null {
					return scriptNull
				}
				if expression, ok := o.names[v.text]; ok {
					return expression
				}
				variable := "v" + fmt.Sprint(len(s.variables))
				s.variables = append(s.variables, variable+"="+v.text)
				return ":" + variable
			}))
			text.WriteString(";\n")
		}
		text.WriteString("\\endpipeline\n")
	}
	text.WriteString(o.after)
	s.text = text.String()
	return s, nil
}

var parameter = regexp.MustCompile(`\$[0-9]+`)

func replaceParameters(sql string, with func(n int) string) string {
	return parameter.ReplaceAllStringFunc(sql, func(p string) string {
		var n int
		if _, err := fmt.Sscanf(p, "$%d", &n); err != nil {
			return p
		}
		return with(n)
	})
}

// checkSame compares what pgbench was seen to send with what the todo function
// was: the same statements in the same trips, but for their parameters.
func checkSame(todo, pgbench []trip) error {
	want, got := shape(todo), shape(pgbench)
	if len(want) == 0 {
		return fmt.Errorf("the todo function was not seen to send anything")
	}
	got = got[max(len(got)-len(want), 0):] // before them pgbench asks who it is
	for i, trip := range want {
		if i >= len(got) {
			return fmt.Errorf("pgbench makes %d trips, the todo function %d", len(got), len(want))
		}
		if !slices.Equal(got[i], trip) {
			return fmt.Errorf("trip %d differs: pgbench sends\n\t%s\nthe todo function\n\t%s",
				i+1, strings.Join(got[i], "\n\t"), strings.Join(trip, "\n\t"))
		}
	}
	return nil
}

var madeID = regexp.MustCompile(`lpad\(\$[0-9]+, 32, '0'\)::uuid`)

// shape is the SQL of trips without spacing and parameters.
func shape(trips []trip) [][]string {
	shapes := make([][]string, len(trips))
	for i, t := range trips {
		for _, s := range t {
			sql := madeID.ReplaceAllString(s.sql, "?")
			sql = parameter.ReplaceAllString(strings.ReplaceAll(sql, scriptNull, "?"), "?")
			shapes[i] = append(shapes[i], strings.Join(strings.Fields(strings.TrimSuffix(sql, ";")), " "))
		}
	}
	return shapes
}
