package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/internal/account"
)

// signIns are steps that sign the people in, again and again.
func signIns(people []person) []step {
	steps := make([]step, len(people))
	for i, p := range people {
		login := request(http.MethodPost, "/api/auth/login", "", fmt.Sprintf(`{"email":%q,"password":%q}`, p.email, password))
		steps[i] = func(c *connection) error {
			_, err := c.want(http.StatusOK, login)
			return err
		}
	}
	return steps
}

// uses are steps that use the todo function: a create, two reads and a list in
// turn.
func uses(people []person) []step {
	steps := make([]step, len(people))
	for i, p := range people {
		n := i
		steps[i] = func(c *connection) (err error) {
			n++
			switch n % 4 {
			case 0:
				_, err = c.want(http.StatusCreated, request(http.MethodPost, "/api/todos", p.token, newTodo(n)))
			case 1:
				_, err = c.want(http.StatusOK, request(http.MethodGet, "/api/todos", p.token, ""))
			default:
				_, err = c.want(http.StatusOK, request(http.MethodGet, "/api/todos/"+strconv.Itoa(1+n%1000), p.token, ""))
			}
			return err
		}
	}
	return steps
}

// measureMemory measures the memory of a todo function that has done nothing
// but this: a mixed load, and then the same while people sign in.
func measureMemory(ctx context.Context, b *bench) ([]figure, error) {
	people, err := b.signUp(ctx, connections)
	if err != nil {
		return nil, err
	}
	if err := b.fill(ctx, people); err != nil {
		return nil, err
	}
	without := figure{What: "memory of todo under load, peak", Unit: mebibytes, Target: target{atMost, 40}}
	with := figure{What: "memory of todo under load and 16 logins, peak", Unit: mebibytes, Target: target{atMost, 100}}
	var rss [2][]float64
	for range b.rounds {
		if err := b.settle(ctx); err != nil {
			return nil, err
		}
		todo, err := b.start(ctx, "todo", b.todoSettings(b.database("todo"))...)
		if err != nil {
			return nil, err
		}
		status := filepath.Join("/proc", strconv.Itoa(todo.PID()), "status")
		for i, f := range []*figure{&without, &with} {
			steps := uses(people)
			if i == 1 {
				steps = append(steps, signIns(people)...)
			}
			if _, err := load(ctx, todo.address, b.round, steps); err != nil {
				return nil, err
			}
			peak, err := memoryOf(status, "VmHWM")
			if err != nil {
				return nil, err
			}
			now, err := memoryOf(status, "VmRSS")
			if err != nil {
				return nil, err
			}
			f.Rounds, rss[i] = append(f.Rounds, peak), append(rss[i], now)
		}
		if err := todo.stop(); err != nil {
			return nil, err
		}
	}
	without.Detail = "at the end " + mebibytes.format(median(rss[0]))
	with.Detail = "at the end " + mebibytes.format(median(rss[1]))
	return []figure{without, with}, nil
}

// probeInterval is how often health is asked for.
const probeInterval = 5 * time.Millisecond

// measureLogins measures how fast people sign in, against the hashes of one
// core, and how fast health is answered meanwhile. Health asks the database, so
// its limit is what the database takes to answer a ping at the same time.
func measureLogins(ctx context.Context, b *bench) (_ []figure, err error) {
	people, err := b.signUp(ctx, connections)
	if err != nil {
		return nil, err
	}
	database, err := pgx.Connect(ctx, b.database("todo"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, database.Close(context.WithoutCancel(ctx))) }()
	c, err := dial(ctx, b.todo.address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	askHealth := func(context.Context) error {
		_, err := c.want(http.StatusOK, request(http.MethodGet, "/api/health", "", ""))
		return err
	}
	logins := figure{What: "logins, 16 at once", Unit: perSecond, Beside: "argon2id on one core"}
	health := figure{
		What: "p99 of todo's /api/health while 16 log in", Unit: millis, Beside: "ping of the database, same moment",
		Target: target{atMost, 50},
	}
	steps := signIns(people)
	var latencies, idle, all []float64
	for range b.rounds {
		if err := b.settle(ctx); err != nil {
			return nil, err
		}
		limit, err := hashes(ctx, b.round)
		if err != nil {
			return nil, err
		}
		quiet, err := probe(ctx, probeInterval, b.round/3, askHealth)
		if err != nil {
			return nil, err
		}
		var s sample
		var answers, pings []float64
		err = atOnce(
			func() (err error) { s, err = load(ctx, b.todo.address, b.round, steps); return err },
			func() (err error) { answers, err = probe(ctx, probeInterval, b.round, askHealth); return err },
			func() (err error) { pings, err = probe(ctx, probeInterval, b.round, database.Ping); return err },
		)
		if err != nil {
			return nil, err
		}
		logins.Rounds, logins.Limits = append(logins.Rounds, s.rate), append(logins.Limits, limit)
		health.Rounds = append(health.Rounds, percentile(answers, 99))
		health.Limits = append(health.Limits, percentile(pings, 99))
		latencies, idle, all = append(latencies, s.latencies...), append(idle, quiet...), append(all, answers...)
	}
	logins.Detail = spread(latencies)
	health.Detail = "p50 " + millis.format(percentile(all, 50)) + ", worst " + millis.format(percentile(all, 100)) +
		"; without logins p99 " + millis.format(percentile(idle, 99))
	return []figure{logins, health}, nil
}

// atOnce runs all of them at the same time and waits for each.
func atOnce(tasks ...func() error) error {
	errs := make([]error, len(tasks))
	var all sync.WaitGroup
	for i, task := range tasks {
		all.Go(func() { errs[i] = task() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// hashes is how many passwords one core hashes a second, as the todo function
// does it, one after the other.
func hashes(ctx context.Context, length time.Duration) (float64, error) {
	hasher := account.NewHasher(time.Minute)
	began := time.Now()
	n := 0
	for time.Since(began) < length {
		if _, err := hasher.Hash(ctx, password); err != nil {
			return 0, err
		}
		n++
	}
	return float64(n) / time.Since(began).Seconds(), nil
}
