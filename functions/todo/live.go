package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/todo"
)

// live tells those who watch an account of its changes, in order and without a
// gap: at once of what this replica has written, and of the rest by looking
// into the database, once for all accounts that are watched here. When nobody
// watches it does not look.
type live struct {
	store *postgres.Store
	every time.Duration // between looks
	log   *slog.Logger
	look  chan struct{} // asks for a look at once

	mu       sync.Mutex
	accounts map[uuid.UUID]*watched
}

// watched is an account that somebody watches.
type watched struct {
	last     int64 // the seq that its watchers were told last
	watchers map[*watcher]struct{}
}

// watcher is one stream. What it does not take in time ends it: its client
// connects again and goes on from where it was.
type watcher struct {
	who  account.Principal
	news chan []item // closed when it ends
	why  error       // why it ended; nil: it did not keep up
}

// item is a change, encoded once for all who watch.
type item struct {
	seq  int64
	data jsontext.Value
}

// backlog is how many lots of changes a watcher may be behind.
const backlog = 64

func newLive(store *postgres.Store, every time.Duration, log *slog.Logger) *live {
	return &live{store: store, every: every, log: log, look: make(chan struct{}, 1), accounts: make(map[uuid.UUID]*watched)}
}

// watch begins to tell of the changes after some seq, which it returns: it is
// known or later. Up to it the watcher must read by itself.
func (l *live) watch(who account.Principal, known int64) (*watcher, int64) {
	w := &watcher{who: who, news: make(chan []item, backlog)}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[who.Account]
	if a == nil {
		a = &watched{last: known, watchers: make(map[*watcher]struct{})}
		l.accounts[who.Account] = a
		l.lookNow()
	}
	a.watchers[w] = struct{}{}
	return w, max(a.last, known)
}

// leave ends the watching, if it has not ended.
func (l *live) leave(w *watcher) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end(w, nil)
}

func (l *live) end(w *watcher, why error) {
	a := l.accounts[w.who.Account]
	if a == nil {
		return
	}
	if _, ok := a.watchers[w]; !ok {
		return
	}
	w.why = why
	close(w.news)
	if delete(a.watchers, w); len(a.watchers) == 0 {
		delete(l.accounts, w.who.Account)
	}
}

// tell hands changes of an account, in order, to those who watch it. What they
// know already is left out; a gap is for a look to fill.
func (l *live) tell(account uuid.UUID, changes []todo.Change) {
	known, ok := l.lastOf(account)
	if !ok {
		return
	}
	var encoded []item // outside the lock: other writers wait for it
	for _, c := range changes {
		if c.Seq <= known {
			continue
		}
		data, err := json.Marshal(c)
		if err != nil {
			l.log.Error("encode a change", "error", err)
			return
		}
		encoded = append(encoded, item{c.Seq, data})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[account]
	if a == nil {
		return
	}
	var items []item
	for _, i := range encoded {
		switch {
		case i.seq == a.last+1:
			items = append(items, i)
			a.last = i.seq
		case i.seq > a.last:
			l.lookNow()
		}
	}
	if len(items) == 0 {
		return
	}
	for w := range a.watchers {
		select {
		case w.news <- items:
		default:
			l.end(w, nil)
		}
	}
}

// lastOf returns what the account's watchers were told last; ok is false when
// nobody watches it.
func (l *live) lastOf(account uuid.UUID) (seq int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.accounts[account]
	if a == nil {
		return 0, false
	}
	return a.last, true
}

func (l *live) lookNow() {
	select {
	case l.look <- struct{}{}:
	default: // it is asked for already
	}
}

// run looks for news until ctx ends.
func (l *live) run(ctx context.Context) {
	ticks := time.NewTicker(l.every)
	defer ticks.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		case <-l.look:
		}
		known, sessions := l.watched()
		if len(known) == 0 {
			continue
		}
		news, err := l.store.News(ctx, known, sessions)
		if err != nil {
			if !failing && ctx.Err() == nil {
				l.log.Warn("live updates wait for the database", "error", err)
			}
			failing = true
			continue
		}
		failing = false
		for account, changes := range news.Changes {
			l.tell(account, changes)
		}
		if news.More {
			l.lookNow()
		}
		l.endSessions(news.Ended)
		l.endLost(news.Lost)
	}
}

// watched returns what is known of each account, and the sessions that watch.
func (l *live) watched() (map[uuid.UUID]int64, []account.Principal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := make(map[uuid.UUID]int64, len(l.accounts))
	var sessions []account.Principal
	for id, a := range l.accounts {
		known[id] = a.last
		for w := range a.watchers {
			sessions = append(sessions, w.who)
		}
	}
	return known, sessions
}

// endLost ends the watching of accounts of which the database knows less than
// before, as after a restore: their clients must read anew.
func (l *live) endLost(accounts []uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, account := range accounts {
		if a := l.accounts[account]; a != nil {
			for w := range a.watchers {
				l.end(w, nil)
			}
		}
	}
}

func (l *live) endSessions(ended map[uuid.UUID]bool) {
	if len(ended) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.accounts {
		for w := range a.watchers {
			if ended[w.who.Session] {
				l.end(w, errSessionEnded)
			}
		}
	}
}
