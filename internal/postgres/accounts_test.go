package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/postgres"
)

func TestAnEmailAddressHasOneAccount(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	try := func(email string) error {
		id := uuid.New()
		a, err := account.New(id, email, "Ada", "UTC", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return s.Register(t.Context(), a, "hash of "+email, account.NewSession(id, uuid.New(), "", time.Now()))
	}
	if err := try("ada@example.com"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "the same address in capitals", try("ADA@example.com"), fault.Conflict)
	for _, pattern := range []string{"%@example.com", "ada_example.com", "_da@example.com"} {
		if a, hash, err := s.Credentials(t.Context(), pattern); hash != "" || err != nil {
			t.Errorf("the pattern %s signs in as %v, %v", pattern, a, err)
		}
	}
}

func TestARefreshTokenYieldsOneSuccessor(t *testing.T) {
	t.Parallel()
	clock := &fakeClock{now: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)}
	s := newStoreAt(t, clock.Now)
	id := uuid.New()
	a, err := account.New(id, "ada@example.com", "Ada", "UTC", clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	session := account.NewSession(id, uuid.New(), "", clock.Now())
	if err := s.Register(t.Context(), a, "hash", session); err != nil {
		t.Fatal(err)
	}
	who := account.Principal{Account: id, Session: session.ID}

	clock.advance(time.Hour)
	var mu sync.Mutex
	successors := map[account.Session]int{}
	var all sync.WaitGroup
	for range 8 { // tabs that wake at the same time
		all.Go(func() {
			next, err := s.Refresh(t.Context(), who, 1)
			if err != nil {
				t.Errorf("refresh: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			successors[next]++
		})
	}
	all.Wait()
	if len(successors) != 1 {
		t.Fatalf("one refresh token has %d successors: %v", len(successors), successors)
	}
	for next := range successors {
		if next.Generation != 2 || !next.ExpiresAt.Equal(clock.Now().Add(account.SessionLife)) {
			t.Errorf("successor %+v, want generation 2 that lasts a whole session", next)
		}
	}

	_, err = s.Refresh(t.Context(), who, 9)
	wantKind(t, "a token from the future", err, fault.Unauthenticated)
	clock.advance(postgres.RefreshGrace - time.Second)
	if _, err := s.Refresh(t.Context(), who, 1); err != nil {
		t.Errorf("within the grace: %v", err)
	}
	clock.advance(2 * time.Second)
	_, err = s.Refresh(t.Context(), who, 1)
	wantKind(t, "a token that was rotated long ago", err, fault.Unauthenticated)
	_, err = s.Refresh(t.Context(), who, 2)
	wantKind(t, "the current token, once the old one was misused", err, fault.Unauthenticated)
}

func TestASessionEndsThirtyDaysAfterItsLastRefresh(t *testing.T) {
	t.Parallel()
	clock := &fakeClock{now: time.Now()}
	s := newStoreAt(t, clock.Now)
	who := register(t, s, "UTC")
	clock.advance(29 * 24 * time.Hour)
	if _, err := s.Refresh(t.Context(), who, 1); err != nil {
		t.Fatalf("after 29 days: %v", err)
	}
	clock.advance(31 * 24 * time.Hour)
	_, err := s.Refresh(t.Context(), who, 2)
	wantKind(t, "31 days later", err, fault.Unauthenticated)
}

// fakeClock is a clock that tests move.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
