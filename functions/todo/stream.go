package main

import (
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
	"github.com/todochat/todochat/internal/web"
)

type streamInput struct {
	Since       int64  `query:"since" minimum:"-1" default:"-1" doc:"The last seq that is known, as a list or change says; -1: begin at the present"`
	LastEventID string `header:"Last-Event-ID" doc:"The same, as browsers send it when they connect again; it counts more"`
}

const (
	eventReady  = "ready"
	eventChange = "change"
)

var streamEvents = []web.EventType{
	{Name: eventReady, Data: readyBody{}},
	{Name: eventChange, Data: todo.Change{}},
	{Name: web.ProblemEvent, Data: web.Problem{}},
}

type readyBody struct {
	Seq int64 `json:"seq" doc:"The account's last change"`
}

// errLost ends streams of accounts that have fewer changes than were told of, as
// after a restore.
var errLost = fault.New(fault.Conflict, "the account has fewer changes than it had: read the list again")

// errSessionEnded ends the streams of a session that was logged out.
var errSessionEnded = fault.New(fault.Unauthenticated, "this session has ended: sign in again")

const (
	// beatEvery keeps proxies from closing a stream in which nothing happens.
	beatEvery = 15 * time.Second

	// pageOfChanges is how many changes are read at once to catch up.
	pageOfChanges = 500
)

// streamChanges tells of the account's changes as they happen: those after the
// seq that the client knows, in order, without a gap or a repeat.
func (f *function) streamChanges(ctx context.Context, who web.Caller, in *streamInput, out *web.Stream) error {
	since, err := in.since()
	if err != nil {
		return err
	}
	_, seq, _, err := f.store.Changes(ctx, who.Principal, math.MaxInt64-1, 1)
	switch {
	case err != nil:
		return err
	case since < 0:
		since = seq
	case since > seq:
		return fault.InvalidField("query.since", "the account has no such change: read the list again and begin with its seq")
	}
	s := &follower{function: f, who: who.Principal, out: out, told: since, present: seq}
	// Not all at once, when all streams end because this replica does.
	if err := out.Retry(time.Second + rand.N(time.Second)); err != nil {
		return nil // the client is gone
	}
	if err := out.Send(web.Event{ID: since, Name: eventReady, Data: readyBody{seq}}); err != nil {
		return nil
	}
	return s.follow(ctx)
}

func (in *streamInput) since() (int64, error) {
	if in.LastEventID == "" {
		return in.Since, nil
	}
	seq, err := strconv.ParseInt(in.LastEventID, 10, 64)
	if err != nil || seq < 0 {
		return 0, fault.InvalidField("header.Last-Event-ID", "this is the id of an event of this stream: leave it out to begin with ?since=")
	}
	return seq, nil
}

// follower is a stream in progress.
type follower struct {
	*function
	who     account.Principal
	out     *web.Stream
	told    int64 // the seq of the last change that was sent
	present int64 // the account's last change when the stream began
}

// follow sends changes until the stream has lived its time, or its client, the
// program or the session ends. An error is for the client to hear.
func (s *follower) follow(ctx context.Context) error {
	w, from := s.live.watch(s.who, s.present)
	defer s.live.leave(w)
	if err := s.catchUp(ctx, from); err != nil {
		return err
	}
	life := time.NewTimer(s.streamLife - rand.N(s.streamLife/10+1)) // not all at once
	defer life.Stop()
	beats := time.NewTicker(beatEvery)
	defer beats.Stop()
	for {
		var err error
		select {
		case items, ok := <-w.news:
			if !ok {
				return w.why
			}
			err = s.send(ctx, items)
		case <-beats.C:
			err = s.out.Beat()
		case <-life.C:
			return nil
		case <-s.stopping:
			return nil
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			return nil // the client is gone, and comes back to where it was
		}
	}
}

// catchUp reads and sends the changes up to a seq, which are in the database.
func (s *follower) catchUp(ctx context.Context, to int64) error {
	for {
		changes, _, more, err := s.store.Changes(ctx, s.who, s.told, pageOfChanges)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if err := s.out.Send(web.Event{ID: c.Seq, Name: eventChange, Data: c}); err != nil {
				return nil
			}
			s.told = c.Seq
		}
		switch {
		case more:
		case s.told >= to:
			return nil
		case len(changes) == 0: // the database knows less than before
			return errLost
		}
	}
}

func (s *follower) send(ctx context.Context, items []item) error {
	for _, i := range items {
		switch {
		case i.seq <= s.told:
			continue
		case i.seq > s.told+1:
			if err := s.catchUp(ctx, i.seq); err != nil {
				return err
			}
			continue
		}
		if err := s.out.Send(web.Event{ID: i.seq, Name: eventChange, Data: i.data}); err != nil {
			return err
		}
		s.told = i.seq
	}
	return nil
}
