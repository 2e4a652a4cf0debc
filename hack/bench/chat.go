package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// measureChat measures turns of the chat without a model, as the page takes
// them: add a todo, complete it, list. Each connection is a conversation of an
// account of its own.
func measureChat(ctx context.Context, b *bench) ([]figure, error) {
	people, err := b.signUp(ctx, connections)
	if err != nil {
		return nil, err
	}
	steps := make([]step, len(people))
	var answer []byte
	for i, p := range people {
		talk := &conversation{person: p}
		steps[i] = talk.turn
		if answer, err = talk.begin(ctx, b.chat.address); err != nil {
			return nil, err
		}
	}
	bareServer, err := b.bare(ctx, answer)
	if err != nil {
		return nil, err
	}
	defer bareServer.stop()
	same := request(http.MethodPost, "/api/chat", people[0].token, `{"message":"list my todos"}`)
	bareSteps := make([]step, len(people))
	for i := range bareSteps {
		bareSteps[i] = func(c *connection) error {
			_, err := c.want(http.StatusOK, same)
			return err
		}
	}
	f := figure{What: "chat turns without a model", Unit: perSecond, Beside: "bare net/http", Target: target{atLeast, 300}}
	var latencies []float64
	for range b.rounds {
		if err := b.settle(ctx); err != nil {
			return nil, err
		}
		s, err := load(ctx, b.chat.address, b.round, steps)
		if err != nil {
			return nil, err
		}
		limit, err := load(ctx, bareServer.address, b.round, bareSteps)
		if err != nil {
			return nil, err
		}
		f.Rounds, f.Limits = append(f.Rounds, s.rate), append(f.Limits, limit.rate)
		latencies = append(latencies, s.latencies...)
	}
	f.Detail = spread(latencies)
	return []figure{f}, b.checkGapless(ctx)
}

// conversation is one that a person has.
type conversation struct {
	person
	id     string
	turns  int
	number int // of the todo added last
}

// begin takes the first turn, a list, and returns its answer.
func (t *conversation) begin(ctx context.Context, address string) ([]byte, error) {
	c, err := dial(ctx, address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	answer, err := c.want(http.StatusOK, request(http.MethodPost, "/api/chat", t.token, `{"message":"list my todos"}`))
	if err != nil {
		return nil, err
	}
	var reply struct {
		ConversationID string `json:"conversation_id"`
	}
	if err := json.Unmarshal(answer, &reply); err != nil {
		return nil, fmt.Errorf("read a reply: %w", err)
	}
	t.id = reply.ConversationID
	return bytes.Clone(answer), nil
}

// turn takes the next turn, and makes sure that it did what was asked.
func (t *conversation) turn(c *connection) error {
	message, want := "", ""
	switch t.turns % 3 {
	case 0:
		message, want = "add water plant "+strconv.Itoa(t.turns/3+1)+" tomorrow, high priority", `"actions":[{"op":"create"`
	case 1:
		message, want = "mark "+strconv.Itoa(t.number)+" done", `"actions":[{"op":"complete"`
	default:
		message, want = "list", `"intents":[{"op":"list"`
	}
	t.turns++
	answer, err := c.want(http.StatusOK, request(http.MethodPost, "/api/chat", t.token,
		fmt.Sprintf(`{"message":%q,"message_id":"%s-%d","conversation_id":%q,"time_zone":"Europe/Berlin"}`, message, t.account, t.turns, t.id)))
	if err != nil {
		return err
	}
	if !bytes.Contains(answer, []byte(want)) {
		return fmt.Errorf("%q was answered with %s", message, answer)
	}
	if _, rest, ok := bytes.Cut(answer, []byte(`"number":`)); ok {
		digits, _, _ := bytes.Cut(rest, []byte(","))
		if t.number, err = strconv.Atoi(string(digits)); err != nil {
			return fmt.Errorf("read a todo's number: %w", err)
		}
	}
	return nil
}
