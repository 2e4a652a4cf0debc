package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/contract"
)

// TestThreeThousandRequestsAreUnderstoodOrRefused sends requests that are made
// of our own contract, for events and not; the client checks each answer
// against it.
func TestThreeThousandRequestsAreUnderstoodOrRefused(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	f := contract.NewFuzzer(t, s.url, "/api/chat/openapi.json", 1)
	p := s.signUp(t)
	statuses := make(map[int]int)
	for i := range 3_000 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		request, op := f.Next(ctx)
		request.Header.Set("Authorization", "Bearer "+p.token)
		if i%3 == 0 {
			request.Header.Set("Accept", "text/event-stream")
		}
		if strings.Contains(op, "{id}") && i%2 == 0 && p.conversation != uuid.Nil {
			request.URL.Path = "/api/chat/conversations/" + p.conversation.String()
		}
		response, err := s.client.Do(request)
		if err != nil {
			t.Errorf("%s %s: %v", op, request.URL, err)
		} else {
			text, _ := io.ReadAll(response.Body)
			response.Body.Close()
			statuses[response.StatusCode]++
			if response.StatusCode >= 500 {
				t.Errorf("%s %s: %d %s", op, request.URL, response.StatusCode, text)
			}
		}
		cancel()
		if i%50 == 0 {
			p.conversation = uuid.Nil
			p.say("add milk")
		}
	}
	t.Logf("the answers: %v", statuses)
}
