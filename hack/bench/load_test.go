package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAConnectionIsKeptForRequestAfterRequest(t *testing.T) {
	t.Parallel()
	var seen []string
	long := strings.Repeat("long ", 10_000) // comes in chunks
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read a request: %v", err)
		}
		seen = append(seen, r.RemoteAddr)
		switch r.URL.Path {
		case "/echo":
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, r.Header.Get("Authorization")+" "+string(body))
		case "/long":
			_, _ = io.WriteString(w, long)
		case "/nothing":
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer server.Close()
	c, err := dial(t.Context(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, test := range []struct {
		request []byte
		status  int
		body    string
	}{
		{request(http.MethodPost, "/echo", "secret", `{"a":1}`), http.StatusCreated, `Bearer secret {"a":1}`},
		{request(http.MethodGet, "/long", "", ""), http.StatusOK, long},
		{request(http.MethodGet, "/nothing", "", ""), http.StatusNoContent, ""},
		{request(http.MethodPost, "/echo", "", `x`), http.StatusCreated, " x"},
	} {
		body, err := c.want(test.status, test.request)
		if err != nil {
			t.Fatal(err)
		}
		if string(body) != test.body {
			t.Errorf("%.20q was answered with %.40q, want %.40q", test.request, body, test.body)
		}
	}
	for _, from := range seen {
		if from != seen[0] {
			t.Errorf("requests came over several connections: %q", seen)
		}
	}
	if _, err := c.want(http.StatusOK, request(http.MethodGet, "/nothing", "", "")); err == nil {
		t.Error("another status is no error")
	}
}

func TestALoadCountsWhatItsConnectionsDid(t *testing.T) {
	t.Parallel()
	var answered atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { answered.Add(1) }))
	defer server.Close()
	ask := func(c *connection) error {
		_, err := c.want(http.StatusOK, request(http.MethodGet, "/", "", ""))
		return err
	}
	s, err := load(t.Context(), server.Listener.Addr().String(), 50*time.Millisecond, []step{ask, ask, ask})
	if err != nil {
		t.Fatal(err)
	}
	if got := int64(len(s.latencies)); got != answered.Load() || got == 0 {
		t.Errorf("the load counted %d answers, the server %d", got, answered.Load())
	}
	if s.rate <= 0 || s.rate > float64(answered.Load())/0.05 {
		t.Errorf("rate = %v for %d answers in 50 ms or a little more", s.rate, answered.Load())
	}
}

func TestALoadEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	broken := errors.New("broken")
	steps := []step{
		func(*connection) error { return broken },
		func(c *connection) error {
			_, err := c.want(http.StatusNotFound, request(http.MethodGet, "/", "", ""))
			return err
		},
	}
	if _, err := load(t.Context(), server.Listener.Addr().String(), time.Hour, steps); !errors.Is(err, broken) {
		t.Errorf("got %v, want the step's error", err)
	}
}

func TestALoadEndsWhenItIsToldTo(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	stop := func(c *connection) error {
		cancel()
		_, err := c.want(http.StatusNotFound, request(http.MethodGet, "/", "", ""))
		return err
	}
	if _, err := load(ctx, server.Listener.Addr().String(), time.Hour, []step{stop}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// Whoever asks every 10 ms and gets one answer after 100 ms has waited for the
// nine after it as well.
func TestALateAnswerCountsForTheQuestionsItDelays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		latencies, err := probe(t.Context(), 10*time.Millisecond, 120*time.Millisecond, func(context.Context) error {
			if asked++; asked == 1 {
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []float64{100, 90, 80, 70, 60, 50, 40, 30, 20, 10, 0, 0}
		if diff := cmp.Diff(want, latencies); diff != "" {
			t.Errorf("latencies in ms (-want +got):\n%s", diff)
		}
	})
}

func TestTheBareServerAnswersWithTheBytesGiven(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(bare([]byte(`{"a":1}`)))
	defer server.Close()
	c, err := dial(t.Context(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for range 2 {
		body, err := c.want(http.StatusOK, request(http.MethodPost, "/any", "", `{"b":2}`))
		if err != nil || string(body) != `{"a":1}` {
			t.Errorf("got %q, %v", body, err)
		}
	}
}
