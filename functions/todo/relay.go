package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/uuid"
	"github.com/sethvargo/go-retry"

	"github.com/todochat/todochat/internal/event"
	"github.com/todochat/todochat/internal/postgres"
)

// relay sends changes to the sink as CloudEvents: an account's in order, each
// at least once, and none before the one before it has arrived. Several accounts
// are served at once, and each only for a while at a time, so that a long
// backlog holds up no other; and nobody's request waits for the sink.
type relay struct {
	store *postgres.Store
	sink  sink
	log   *slog.Logger

	// fromBeginning also sends what there was before there was a sink.
	fromBeginning bool

	queue chan uuid.UUID // accounts that have something to send

	mu       sync.Mutex
	begun    bool // StartRelays was done: before, nothing may be sent
	accounts map[uuid.UUID]*owing
}

// owing is what is known of an account that has, or may have, something to send.
type owing struct {
	waits    bool // in the queue, or for its next try
	busy     bool // somebody sends
	again    bool // there is more since
	failures int  // in a row
}

const (
	relaysAtOnce = 4
	queueLength  = 1024 // what does not fit is found by the next look
	sendPage     = 50   // changes read at once
	pagesAtATime = 4    // of one account, before others have their turn
	renewAfter   = postgres.LeaseLife / 4

	// lookForOwed is how often the relay looks for what others have left.
	lookForOwed = 30 * time.Second

	firstPause = 500 * time.Millisecond
	mostPause  = time.Minute

	// Whoever has the lease may have looked before the latest change.
	leasedPause = time.Second

	// flushTime bounds what a program that was told to stop still sends.
	flushTime = 5 * time.Second
)

func newRelay(store *postgres.Store, s sink, fromBeginning bool, log *slog.Logger) *relay {
	return &relay{
		store: store, sink: s, fromBeginning: fromBeginning, log: log,
		queue: make(chan uuid.UUID, queueLength), accounts: make(map[uuid.UUID]*owing),
	}
}

// run sends until ctx ends.
func (r *relay) run(ctx context.Context) {
	// Before it has begun, no account may: it would begin at its first change.
	for failures := 0; ; failures++ {
		err := r.store.StartRelays(ctx, r.fromBeginning)
		if err == nil {
			break
		}
		if failures == 0 && ctx.Err() == nil {
			r.log.WarnContext(ctx, "events cannot begin", "error", err)
		}
		select {
		case <-time.After(min(firstPause<<min(failures, 10), mostPause)):
		case <-ctx.Done():
			return
		}
	}
	r.mu.Lock()
	r.begun = true
	r.mu.Unlock()
	var all sync.WaitGroup
	defer all.Wait()
	for range relaysAtOnce {
		all.Go(func() {
			for {
				select {
				case account := <-r.queue:
					r.serve(ctx, account)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	ticks := time.NewTicker(lookForOwed)
	defer ticks.Stop()
	for {
		if err := r.findOwed(ctx); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "events wait for the database", "error", err)
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// findOwed queues the accounts that have something to send.
func (r *relay) findOwed(ctx context.Context) error {
	var last uuid.UUID
	for {
		owed, err := r.store.Owed(ctx, last, queueLength/2)
		if err != nil || len(owed) == 0 {
			return err
		}
		for _, account := range owed {
			r.wake(account)
		}
		last = owed[len(owed)-1]
	}
}

// wake queues an account.
func (r *relay) wake(account uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.accounts[account]
	switch {
	case o == nil:
		o = &owing{}
		r.accounts[account] = o
	case o.busy:
		o.again = true
		return
	case o.waits:
		return
	}
	r.enqueue(account, o)
}

func (r *relay) enqueue(account uuid.UUID, o *owing) {
	select {
	case r.queue <- account:
		o.waits = true
	default:
		delete(r.accounts, account)
	}
}

// serve sends what the account has, and sees to it that it is tried again when
// that failed.
func (r *relay) serve(ctx context.Context, account uuid.UUID) {
	r.mu.Lock()
	o := r.accounts[account]
	o.waits, o.busy, o.again = false, true, false
	r.mu.Unlock()

	sent, more, err := r.send(ctx, account, pagesAtATime)

	r.mu.Lock()
	defer r.mu.Unlock()
	o.busy = false
	switch {
	case ctx.Err() != nil: // flush has the rest
	case errors.Is(err, errLeased):
		r.later(account, o, leasedPause)
	case err == nil && !o.again && !more:
		delete(r.accounts, account)
	case err == nil:
		o.failures = 0
		r.enqueue(account, o)
	default:
		if sent > 0 {
			o.failures = 0
		}
		o.failures++
		pause := min(firstPause<<min(o.failures-1, 10), mostPause)
		r.log.WarnContext(ctx, "an event did not arrive", "account", account, "failures", o.failures, "retry_in", pause.String(), "error", err)
		r.later(account, o, pause)
	}
}

// later queues the account after a pause.
func (r *relay) later(account uuid.UUID, o *owing, pause time.Duration) {
	o.waits = true
	time.AfterFunc(pause, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.enqueue(account, o)
	})
}

// flush sends, once run has ended, what this replica knows to be owed and has
// not failed with. The rest is for whoever wakes next.
func (r *relay) flush(ctx context.Context) {
	r.mu.Lock()
	if !r.begun {
		r.mu.Unlock()
		return
	}
	var owed []uuid.UUID
	for account, o := range r.accounts {
		if o.failures == 0 {
			owed = append(owed, account)
		}
	}
	r.mu.Unlock()
	for _, account := range owed {
		if _, _, err := r.send(ctx, account, 0); err != nil && !errors.Is(err, errLeased) {
			r.log.WarnContext(ctx, "events are left for the next relay", "error", err)
			return
		}
	}
}

// close flushes, within bounds.
func (r *relay) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	r.flush(ctx)
	return nil
}

// errLeased says that somebody else is sending the account's changes.
var errLeased = errors.New("somebody else is sending them")

// send sends what the account has, so many pages of it; 0 for all. It returns
// how many changes have arrived, and whether there are more. It returns
// errLeased if somebody else is about it.
func (r *relay) send(ctx context.Context, account uuid.UUID, pages int) (sent int, more bool, err error) {
	lease, ok, err := r.store.Lease(ctx, account)
	if err != nil {
		return 0, false, err
	}
	if !ok {
		return 0, false, errLeased
	}
	defer func() { err = errors.Join(err, r.store.Release(ctx, lease)) }()
	renewed := time.Now()
	for page := 0; ; page++ {
		if pages > 0 && page == pages {
			return sent, true, nil
		}
		changes, err := r.store.Unsent(ctx, lease, sendPage)
		if err != nil || len(changes) == 0 {
			return sent, false, err
		}
		for _, c := range changes {
			if time.Since(renewed) > renewAfter {
				if ok, err := r.store.Advance(ctx, &lease); err != nil || !ok {
					return sent, false, err // somebody else goes on from there
				}
				renewed = time.Now()
			}
			e, err := event.Of(account, c, r.sink.source)
			if err != nil {
				return sent, false, err
			}
			if err := r.sink.insist(ctx, e); err != nil {
				return sent, false, fmt.Errorf("send change %d: %w", c.Seq, err)
			}
			lease.Seq = c.Seq
			sent++
		}
	}
}

// drain sends what is owed, until nothing is left or ctx ends: the command
// todo relay. It returns an error if something is left.
func (r *relay) drain(ctx context.Context) error {
	if err := r.store.StartRelays(ctx, r.fromBeginning); err != nil {
		return err
	}
	pause := firstPause
	for {
		failed, err := r.drainOnce(ctx)
		if err != nil {
			return err
		}
		if failed == nil {
			left, err := r.store.Owing(ctx)
			if err != nil || !left {
				return err
			}
			failed = errLeased // by somebody who may be dead
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("some events did not arrive: %w", failed)
		}
		pause = min(2*pause, mostPause)
	}
}

// drainOnce tries each account once, several at a time, and returns why some
// of them failed.
func (r *relay) drainOnce(ctx context.Context) (failed, err error) {
	var last uuid.UUID
	for {
		owed, err := r.store.Owed(ctx, last, queueLength)
		if err != nil || len(owed) == 0 {
			return failed, err
		}
		var all sync.WaitGroup
		var mu sync.Mutex
		slots := make(chan struct{}, relaysAtOnce)
		for _, account := range owed {
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				if _, _, err := r.send(ctx, account, 0); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			})
		}
		all.Wait()
		last = owed[len(owed)-1]
	}
}

// sink is where events go.
type sink struct {
	url        string
	source     string // of the events
	structured bool   // instead of binary mode
	overrides  map[string]string
	client     *http.Client
}

// insist sends an event, several times if need be: most failures pass at once.
func (s sink) insist(ctx context.Context, e cloudevents.Event) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	pauses := retry.WithMaxRetries(4, retry.WithJitterPercent(50, retry.NewExponential(20*time.Millisecond)))
	return retry.Do(ctx, pauses, func(ctx context.Context) error { return retry.RetryableError(s.send(ctx, e)) })
}

// tokenFile is where a SinkBinding puts the token that the sink wants, if it
// wants one.
const tokenFile = "/oidc/token"

// sendTime bounds the sending of one event: less than is left of a lease.
const sendTime = 10 * time.Second

// send sends an event. It has arrived when the sink answers 2xx.
func (s sink) send(ctx context.Context, e cloudevents.Event) error {
	for name, value := range s.overrides {
		e.SetExtension(name, value)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, nil)
	if err != nil {
		return err
	}
	if err := event.WriteRequest(request, e, s.structured); err != nil {
		return err
	}
	token, err := os.ReadFile(tokenFile) // it is renewed now and then
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the token for the sink: %w", err)
	}
	if len(token) > 0 {
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20)) // so that the connection can be used again
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return fmt.Errorf("the sink answers %s", response.Status)
	}
	return nil
}
