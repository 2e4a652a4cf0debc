package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	liveStreams  = 1000
	liveAccounts = 50
	livePoll     = time.Second // LIVE_POLL as it is by default
)

// audience are streams of changes, 20 for each account, and who hears what.
type audience struct {
	people []person
	heard  chan arrival
	ended  chan error
	cancel context.CancelFunc
	all    sync.WaitGroup
}

// arrival is one change at one stream.
type arrival struct {
	stream int
	seq    int64
	at     time.Time
}

// follow opens the streams at an address, and waits until all are open.
func follow(ctx context.Context, address string, people []person) (*audience, error) {
	ctx, cancel := context.WithCancel(ctx)
	a := &audience{people: people, heard: make(chan arrival, liveStreams), ended: make(chan error, liveStreams), cancel: cancel}
	ready := make(chan struct{}, liveStreams)
	for n := range liveStreams {
		a.all.Go(func() {
			if err := a.listen(ctx, address, n, ready); err != nil && ctx.Err() == nil {
				a.ended <- err
			}
		})
	}
	for range liveStreams {
		select {
		case <-ready:
		case err := <-a.ended:
			a.close()
			return nil, err
		case <-time.After(time.Minute):
			a.close()
			return nil, errors.New("not all streams begin within a minute")
		}
	}
	return a, nil
}

func (a *audience) close() { a.cancel(); a.all.Wait() }

// listen follows one stream, whose ids must grow by one.
func (a *audience) listen(ctx context.Context, address string, n int, ready chan<- struct{}) error {
	c, err := dial(ctx, address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, c.close)()
	if _, err := c.conn.Write(request(http.MethodGet, "/api/changes/stream", a.people[n%liveAccounts].token, "")); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.replies, nil)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("a stream is answered with %s", response.Status)
	}
	last := int64(-1)
	id := int64(0)
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			if id, err = strconv.ParseInt(value, 10, 64); err != nil {
				return err
			}
		case "event":
			if value == "ready" {
				last = id
				ready <- struct{}{}
				continue
			}
			if id != last+1 {
				return fmt.Errorf("after change %d comes %d", last, id)
			}
			last = id
			a.heard <- arrival{n, id, time.Now()}
		}
	}
	return ctx.Err()
}

// write adds a todo by way of a connection, and returns how long it takes, from
// the request on, until each of the account's streams has heard of it.
func (a *audience) write(c *connection, n int) (delays []float64, err error) {
	began := time.Now()
	answer, err := c.want(http.StatusCreated, request(http.MethodPost, "/api/todos", a.people[n%liveAccounts].token, newTodo(n)))
	if err != nil {
		return nil, err
	}
	var made struct {
		Version int64 `json:"version"`
	}
	if err := json.Unmarshal(answer, &made); err != nil {
		return nil, err
	}
	for len(delays) < liveStreams/liveAccounts {
		select {
		case h := <-a.heard:
			if h.stream%liveAccounts != n%liveAccounts || h.seq != made.Version {
				return nil, fmt.Errorf("stream %d hears of change %d, and %d was made", h.stream, h.seq, made.Version)
			}
			delays = append(delays, milliseconds(h.at.Sub(began)))
		case err := <-a.ended:
			return nil, err
		case <-time.After(10 * time.Second):
			return nil, errors.New("a change does not arrive within 10 s")
		}
	}
	return delays, nil
}

// measureLive measures a todo function with a thousand streams: its memory, and
// how long a change takes to all the streams of its account, from the beginning
// of the write on; once written here, and once at another replica.
func measureLive(ctx context.Context, b *bench) ([]figure, error) {
	people, err := b.signUp(ctx, liveAccounts)
	if err != nil {
		return nil, err
	}
	memory := figure{What: "memory of todo with 1,000 streams, peak", Unit: mebibytes, Target: target{atMost, 150}}
	local := figure{What: "a change to all streams of its account, p99", Unit: millis, Target: target{atMost, 100}}
	remote := figure{What: "the same, written at another replica, p99", Unit: millis, Target: target{atMost, milliseconds(livePoll) + 100}}
	for range b.rounds {
		if err := b.settle(ctx); err != nil {
			return nil, err
		}
		todo, err := b.start(ctx, "todo", b.todoSettings(b.database("todo"))...)
		if err != nil {
			return nil, err
		}
		a, err := follow(ctx, todo.address, people)
		if err != nil {
			return nil, err
		}
		for _, m := range []struct {
			figure  *figure
			address string
			writes  int
		}{{&local, todo.address, 500}, {&remote, b.todo.address, 25}} {
			all, err := a.writes(ctx, m.address, m.writes)
			if err != nil {
				return nil, errors.Join(err, todo.stop())
			}
			m.figure.Rounds = append(m.figure.Rounds, percentile(all, 99))
		}
		peak, err := memoryOf(filepath.Join("/proc", strconv.Itoa(todo.PID()), "status"), "VmHWM")
		if err != nil {
			return nil, err
		}
		memory.Rounds = append(memory.Rounds, peak)
		a.close()
		if err := todo.stop(); err != nil {
			return nil, err
		}
	}
	return []figure{memory, local, remote}, nil
}

func (a *audience) writes(ctx context.Context, address string, n int) (all []float64, err error) {
	c, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	for i := range n {
		delays, err := a.write(c, i)
		if err != nil {
			return nil, err
		}
		all = append(all, delays...)
	}
	return all, nil
}

// measureSink measures how long writes take while the sink of events is away,
// against writes without one, taken in turn.
func measureSink(ctx context.Context, b *bench) ([]figure, error) {
	people, err := b.signUp(ctx, connections)
	if err != nil {
		return nil, err
	}
	f := figure{What: "create while the sink is away, p99", Unit: millis, Target: target{ratioAtMost, 1.5}, Beside: "without a sink"}
	steps := make([]step, len(people))
	for i, p := range people {
		n := i
		steps[i] = func(c *connection) error {
			n++
			_, err := c.want(http.StatusCreated, request(http.MethodPost, "/api/todos", p.token, newTodo(n)))
			return err
		}
	}
	away := append(b.todoSettings(b.database("todo")), "K_SINK=http://127.0.0.1:9/", "LOG_LEVEL=error")
	for range b.rounds {
		for _, settings := range [][]string{b.todoSettings(b.database("todo")), away} {
			if err := b.settle(ctx); err != nil {
				return nil, err
			}
			todo, err := b.start(ctx, "todo", settings...)
			if err != nil {
				return nil, err
			}
			s, err := load(ctx, todo.address, b.round, steps)
			if err != nil {
				return nil, err
			}
			p99 := percentile(s.latencies, 99)
			if len(settings) == len(away) {
				f.Rounds = append(f.Rounds, p99)
			} else {
				f.Limits = append(f.Limits, p99)
			}
			if err := todo.stop(); err != nil {
				return nil, err
			}
		}
	}
	return []figure{f}, nil
}
