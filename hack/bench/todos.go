package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// measureCreate measures creates, each connection with an account of its own,
// against pgbench sending what a create sends.
func measureCreate(ctx context.Context, b *bench) ([]figure, error) {
	people, err := b.signUp(ctx, connections)
	if err != nil {
		return nil, err
	}
	script, err := b.scriptOfCreate(ctx, people)
	if err != nil {
		return nil, err
	}
	f := figure{What: "create a todo", Unit: perSecond, Beside: "pgbench, same SQL", Target: target{ratioAtLeast, 0.4}}
	var latencies []float64
	for range b.rounds {
		if err := b.settle(ctx); err != nil {
			return nil, err
		}
		limit, err := b.pgbench.rate(ctx, b.database("todo"), connections, b.round, script)
		if err != nil {
			return nil, err
		}
		steps := make([]step, len(people))
		for i, p := range people {
			steps[i] = creates(p)
		}
		s, err := load(ctx, b.todo.address, b.round, steps)
		if err != nil {
			return nil, err
		}
		f.Rounds, f.Limits = append(f.Rounds, s.rate), append(f.Limits, limit)
		latencies = append(latencies, s.latencies...)
	}
	f.Detail = spread(latencies)
	return []figure{f}, b.checkGapless(ctx)
}

func creates(p person) step {
	n := 0
	return func(c *connection) error {
		n++
		_, err := c.want(http.StatusCreated, request(http.MethodPost, "/api/todos", p.token, newTodo(n)))
		return err
	}
}

// checkGapless makes sure that both sides wrote what they should have written.
func (b *bench) checkGapless(ctx context.Context) error {
	const query = `
		select coalesce(sum(a.seq), 0)::bigint, (select count(*) from todo.changes), coalesce(sum(a.next_number - 1), 0)::bigint,
			(select count(*) from todo.todos)
		from todo.accounts a`
	var seq, changes, numbers, todos int64
	if err := b.query(ctx, query, &seq, &changes, &numbers, &todos); err != nil {
		return err
	}
	if seq != changes || numbers != todos {
		return fmt.Errorf("the accounts count %d changes and %d todos, the tables hold %d and %d", seq, numbers, changes, todos)
	}
	return nil
}

// measureReads measures reads of accounts with a thousand todos, against
// pgbench sending what they send and against a bare server that answers with
// the same bytes.
func measureReads(ctx context.Context, b *bench) ([]figure, error) {
	people, err := b.signUp(ctx, connections)
	if err != nil {
		return nil, err
	}
	if err := b.fill(ctx, people); err != nil {
		return nil, err
	}
	const path = "/api/todos"
	getScript, todo, err := b.scriptOfRead(ctx, people, path+"/417", "417")
	if err != nil {
		return nil, err
	}
	get, err := b.measureRead(ctx, people, "get one of 1,000 todos", getScript, todo, func() string { return path + "/" + strconv.Itoa(1+rand.IntN(1000)) })
	if err != nil {
		return nil, err
	}
	listScript, todos, err := b.scriptOfRead(ctx, people, path, "")
	if err != nil {
		return nil, err
	}
	list, err := b.measureRead(ctx, people, "list 20 of 1,000 todos", listScript, todos, func() string { return path })
	return append(get, list...), err
}

func (b *bench) measureRead(ctx context.Context, people []person, what string, script script, answer []byte, path func() string) ([]figure, error) {
	bareServer, err := b.bare(ctx, answer)
	if err != nil {
		return nil, err
	}
	defer bareServer.stop()
	steps := make([]step, len(people))
	for i, p := range people {
		steps[i] = func(c *connection) error {
			_, err := c.want(http.StatusOK, request(http.MethodGet, path(), p.token, ""))
			return err
		}
	}
	f := figure{What: what, Unit: perSecond, Beside: "pgbench, same SQL", Target: target{ratioAtLeast, 0.2}}
	toBare := figure{What: what, Unit: perSecond, Beside: "bare net/http, same bytes"}
	var latencies []float64
	for range b.rounds {
		if err := b.settle(ctx); err != nil {
			return nil, err
		}
		limit, err := b.pgbench.rate(ctx, b.database("todo"), connections, b.round, script)
		if err != nil {
			return nil, err
		}
		s, err := load(ctx, b.todo.address, b.round, steps)
		if err != nil {
			return nil, err
		}
		bareSample, err := load(ctx, bareServer.address, b.round, steps)
		if err != nil {
			return nil, err
		}
		f.Rounds, f.Limits = append(f.Rounds, s.rate), append(f.Limits, limit)
		toBare.Rounds, toBare.Limits = append(toBare.Rounds, s.rate), append(toBare.Limits, bareSample.rate)
		latencies = append(latencies, s.latencies...)
	}
	f.Detail = spread(latencies)
	return []figure{f, toBare}, nil
}

// spread says how latencies in milliseconds lie.
func spread(latencies []float64) string {
	return "p50 " + millis.format(percentile(latencies, 50)) + ", p99 " + millis.format(percentile(latencies, 99))
}

// scriptOfCreate makes the script of a create out of one that was seen.
func (b *bench) scriptOfCreate(ctx context.Context, people []person) (script, error) {
	return b.watch(ctx, people, func(c *connection, take func() []trip) (observation, error) {
		create := request(http.MethodPost, "/api/todos", people[0].token, newTodo(0))
		// The first creates prepare statements. The changes let seq run ahead of
		// number, so that a script cannot take one for the other.
		var t createdTodo
		for range 2 {
			if err := t.by(c, create); err != nil {
				return observation{}, err
			}
		}
		for i := range 40 {
			patch := request(http.MethodPatch, "/api/todos/"+strconv.Itoa(t.Number), people[0].token, fmt.Sprintf(`{"title":"Change %d"}`, i))
			if _, err := c.want(http.StatusOK, patch); err != nil {
				return observation{}, err
			}
		}
		take()
		if err := t.by(c, create); err != nil {
			return observation{}, err
		}
		return observation{
			trips: take(),
			names: map[string]string{
				people[0].account:          ":account",
				people[0].session:          ":session",
				t.ID:                       scriptID,
				strconv.Itoa(t.Version):    ":seq",
				strconv.Itoa(t.Number):     ":number",
				strconv.Itoa(t.Number + 1): ":next_number",
			},
			before: beforeCreate,
			after:  afterCreate,
		}, nil
	})
}

type createdTodo struct {
	ID      string `json:"id"`
	Number  int    `json:"number"`
	Version int    `json:"version"`
}

func (t *createdTodo) by(c *connection, create []byte) error {
	answer, err := c.want(http.StatusCreated, create)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, t); err != nil {
		return fmt.Errorf("read a todo: %w", err)
	}
	return nil
}

// scriptOfRead makes the script of a read out of one that was seen, and returns
// its answer as well. number is the todo's that the path names, if it does.
func (b *bench) scriptOfRead(ctx context.Context, people []person, path, number string) (s script, answer []byte, err error) {
	s, err = b.watch(ctx, people, func(c *connection, take func() []trip) (observation, error) {
		for range 3 { // the first prepares statements
			take()
			body, err := c.want(http.StatusOK, request(http.MethodGet, path, people[0].token, ""))
			if err != nil {
				return observation{}, err
			}
			answer = bytes.Clone(body)
		}
		names := map[string]string{people[0].account: ":account", people[0].session: ":session"}
		if number != "" {
			names[number] = ":number"
		}
		return observation{take(), names, beforeRead, ""}, nil
	})
	return s, answer, err
}

// watch runs a todo function whose statements are noted, has it asked, and
// makes a script of what it sent. Then it watches pgbench run that, to be sure.
func (b *bench) watch(ctx context.Context, people []person, ask func(c *connection, take func() []trip) (observation, error)) (_ script, err error) {
	recorder, err := newRecorder(ctx, b.database("todo"))
	if err != nil {
		return script{}, err
	}
	defer func() { err = errors.Join(err, recorder.close()) }()
	database, err := recorder.through(b.database("todo"))
	if err != nil {
		return script{}, err
	}
	todo, err := b.start(ctx, "todo", append(b.todoSettings(database), "DATABASE_POOL_SIZE=1")...)
	if err != nil {
		return script{}, err
	}
	defer func() { err = errors.Join(err, todo.stop()) }()
	c, err := dial(ctx, todo.address)
	if err != nil {
		return script{}, err
	}
	defer c.close()
	seen, err := ask(c, recorder.take)
	if err != nil {
		return script{}, err
	}
	conn, err := pgx.Connect(ctx, b.database("todo"))
	if err != nil {
		return script{}, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	s, err := seen.script(ctx, conn, people)
	if err != nil {
		return script{}, err
	}
	recorder.take()
	if err := b.pgbench.once(ctx, database, s); err != nil {
		return script{}, err
	}
	return s, checkSame(seen.trips, recorder.take())
}
