package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestAnAnswerMayComeBeforeTheRequestHasEnded: the assistant begins to answer
// at once, and the proxy may not have seen the request's end by then.
func TestAnAnswerMayComeBeforeTheRequestHasEnded(t *testing.T) {
	t.Parallel()
	const end = "event: done\ndata: {}\n\n"
	chat := standIn(t, map[string]http.HandlerFunc{"POST /api/chat": func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := control.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event: understood\ndata: {}\n\n")
		_ = control.Flush()
		if body, err := io.ReadAll(r.Body); err != nil || string(body) != `{"message":"undo"}` {
			t.Errorf("the body is %q, %v", body, err)
		}
		_, _ = io.WriteString(w, end)
	}})
	address := startFrontend(t, map[string]string{"TODO_URL": chat, "CHAT_URL": chat})
	body, rest := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), "POST", address+"/api/chat", body)
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = int64(len(`{"message":"undo"}`))
	request.Header.Set("Authorization", "Bearer x")
	go func() { _, _ = io.WriteString(rest, `{"message":`) }()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	_, _ = io.WriteString(rest, `"undo"}`)
	_ = rest.Close()
	if answer, err := io.ReadAll(response.Body); err != nil || !strings.HasSuffix(string(answer), end) {
		t.Errorf("the answer breaks off after %q: %v", answer, err)
	}
}
