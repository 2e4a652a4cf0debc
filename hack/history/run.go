package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/todochat/todochat/internal/stacktest"
)

// database is the addresses of one, as its owner and as the todo function.
type database struct{ owner, todo string }

// options say how long a run is.
type options struct {
	requests int
	clients  int
	accounts int
	seed     uint64 // of what clients ask for; when, is not ours to say
}

// disturbances is how often something is killed or cut in a run, beside what
// the doors cut.
const disturbances = 24

// play has clients work on the system, disturbs it, and records all of it. The
// faults are what the replicas logged about answers of 500.
func play(ctx context.Context, o options, programs stacktest.Programs, d database) (_ record, faults []string, err error) {
	s, err := startSystem(ctx, programs, d.todo)
	if err != nil {
		return record{}, nil, err
	}
	open := true
	defer func() {
		if open {
			err = errors.Join(err, s.close())
		}
	}()
	people := make([]*person, o.accounts)
	for i := range people {
		if people[i], err = s.signUp(ctx); err != nil {
			return record{}, nil, err
		}
	}
	told := newRecorder(max(1, o.requests/disturbances))
	if err := s.workDisturbed(ctx, o, people, told); err != nil {
		return record{}, nil, err
	}
	open = false
	if err := s.close(); err != nil { // what was accepted is done now
		return record{}, nil, err
	}
	ledgers, err := readLedgers(ctx, s, d, people)
	return record{told.all(), ledgers, s.kills, s.slams}, s.faults(), err
}

// workDisturbed returns when the clients have asked as much as they should.
func (s *system) workDisturbed(ctx context.Context, o options, people []*person, told *recorder) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	disturbed := make(chan error, 1)
	go func() { disturbed <- s.disturb(ctx, told.miles) }()
	work(o, s.doors(), people, told, func() bool { return told.count() >= o.requests || ctx.Err() != nil })
	stop()
	return <-disturbed
}

// work has clients ask for this and that until it is enough.
func work(o options, doors []string, people []*person, told *recorder, enough func() bool) {
	var clients sync.WaitGroup
	for n := range o.clients {
		c := client{
			number: n + 1, person: people[n%len(people)], doors: doors, http: newHTTPClient(), recorder: told,
			random: rand.New(rand.NewPCG(o.seed, uint64(n))),
		}
		clients.Go(func() {
			for !enough() {
				c.step()
			}
		})
	}
	clients.Wait()
}

// disturb kills a replica or cuts all connections of one at each milestone.
func (s *system) disturb(ctx context.Context, miles <-chan struct{}) error {
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-miles:
		}
		r := s.replicas[i/2%len(s.replicas)]
		if i%2 == 1 {
			r.database.slam()
			s.slams++
			continue
		}
		if err := r.kill(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("start anew what was killed: %w", err)
		}
		s.kills++
	}
}
