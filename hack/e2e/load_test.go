//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// perSecond is the rate of load, however long answers take.
const perSecond = 50

// bearable is the longest that an answer may take, a cold start included, on a
// machine that does everything else as well.
const bearable = 20 * time.Second

// load is what people do while something happens to the system: requests are
// sent on time, however long others take, and none may fail or take longer than
// people wait.
type load struct {
	user *user
	stop context.CancelFunc
	done sync.WaitGroup

	mu       sync.Mutex
	sent     int // and answered
	failures []string
	added    []string // titles that were acknowledged
	slowest  time.Duration
}

// startLoad begins to send requests through the frontend.
func (s *system) startLoad(t *testing.T) *load {
	t.Helper()
	l := &load{user: s.signUp(t)}
	ctx, stop := context.WithCancel(t.Context())
	l.stop = stop
	l.done.Go(func() {
		tick := time.NewTicker(time.Second / perSecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
				l.done.Go(func() { l.send(t.Context(), i) })
			case <-ctx.Done():
				return
			}
		}
	})
	return l
}

// send sends the i-th request: of ten, five read the list, three add a todo, one
// asks the assistant and one fetches the page.
func (l *load) send(ctx context.Context, i int) {
	began := time.Now()
	title := fmt.Sprintf("todo %d", i)
	var err error
	switch {
	case i%10 == 0:
		var page string
		if page, err = body(l.user.s.client.Get(l.user.s.url + "/")); err == nil && !strings.Contains(page, "<html") {
			err = fmt.Errorf("the page is %q", page)
		}
	case i%10 == 5:
		_, err = l.user.say(ctx, "what is due today?")
	case i%3 == 0:
		_, err = l.user.add(ctx, title, fmt.Sprintf("%s-%d", l.user.email, i))
	default:
		err = l.user.call(ctx, http.MethodGet, "/api/todos?limit=5", nil, nil)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
	l.slowest = max(l.slowest, time.Since(began))
	switch {
	case err != nil:
		l.failures = append(l.failures, fmt.Sprintf("%v at %s: %v", time.Since(began).Round(time.Millisecond), began.Format(time.TimeOnly), err))
	case i%10 != 0 && i%10 != 5 && i%3 == 0:
		l.added = append(l.added, title)
	}
}

// answered waits for so many more answers.
func (l *load) answered(t *testing.T, more int) {
	t.Helper()
	count := func() int { l.mu.Lock(); defer l.mu.Unlock(); return l.sent }
	until(t, fmt.Sprintf("%d more answers", more), time.Minute, atLeast(count, more))
}

// atLeast is done when count has grown by so much.
func atLeast(count func() int, more int) func(context.Context) (string, error) {
	want := count() + more
	return func(context.Context) (string, error) {
		if have := count(); have < want {
			return fmt.Sprintf("%d are missing", want-have), nil
		}
		return "", nil
	}
}

// end stops sending, waits for the answers, and checks that there was one of
// each kind and that all that was acknowledged is there, once.
func (l *load) end(t *testing.T) {
	t.Helper()
	l.stop()
	l.done.Wait()
	t.Logf("%d requests, %d failed, the slowest took %.2f s", l.sent, len(l.failures), l.slowest.Seconds())
	if l.sent < perSecond || len(l.added) == 0 {
		t.Fatalf("only %d requests were sent, and %d todos added", l.sent, len(l.added))
	}
	if n := len(l.failures); n > 0 {
		t.Errorf("%d of %d requests failed:\n%s", n, l.sent, strings.Join(l.failures[:min(n, 10)], "\n"))
	}
	if l.slowest > bearable {
		t.Errorf("an answer took %v", l.slowest)
	}
	l.user.checkTitles(t, l.added)
}

// checkTitles compares the user's todos with those that were acknowledged.
func (u *user) checkTitles(t *testing.T, want []string) {
	t.Helper()
	got, err := u.titles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%d todos were acknowledged, and %d are there", len(want), len(got))
	}
}
