package web

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAStreamIsWrittenAsTheStandardSays(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	s := NewStream(w)
	if s.Begun() {
		t.Error("it has begun before anything was sent")
	}
	for _, err := range []error{
		s.Send(Event{ID: 7, Name: "change", Data: map[string]any{"title": "a\nb <c>"}}), s.Beat(), s.Retry(3 * time.Second), s.Send(Event{Name: "done", Data: []int{}}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := "id: 7\nevent: change\ndata: {\"title\":\"a\\nb <c>\"}\n\n:\n\nretry: 3000\n\nevent: done\ndata: []\n\n"
	if got := w.Body.String(); got != want || !s.Begun() || w.Header().Get("Content-Type") != EventStream {
		t.Errorf("it writes %q as %s, want %q", got, w.Header().Get("Content-Type"), want)
	}
}

func TestASilentStreamBeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		stop := NewStream(w).KeepAlive()
		time.Sleep(3*heartbeat + time.Second)
		stop()
		if got := w.Body.String(); got != ":\n\n:\n\n:\n\n" {
			t.Errorf("after three heartbeats it wrote %q", got)
		}
	})
}

func TestEventsAreForThoseWhoAskForThem(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"text/event-stream": true, "application/json, text/event-stream;q=0.9": true, "Text/Event-Stream": true,
		"application/json": false, "": false, "*/*": false,
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Accept", accept)
		if got := Accepts(r); got != want {
			t.Errorf("Accept: %s wants events: %t, want %t", accept, got, want)
		}
	}
}

func TestWhoHangsUpEndsTheStream(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := NewStream(w)
		_ = s.Send(Event{Name: "hello", Data: 1})
		<-r.Context().Done()
		ended <- r.Context().Err()
	}))
	defer server.Close()
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	request, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if line, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil || strings.TrimSpace(line) != "event: hello" {
		t.Fatalf("it begins with %q, %v", line, err)
	}
	hangUp()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the handler does not hear of it")
	}
}
