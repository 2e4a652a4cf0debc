package ollama

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"

	"github.com/ollama/ollama/api"

	"github.com/todochat/todochat/internal/fault"
)

// Talker lets one language model speak freely: to answer a question, and to
// split a plan into steps.
type Talker struct {
	*caller
	model   string
	waiting atomic.Int64 // calls that wait for their first word
}

// Line is what was said before.
type Line struct {
	Role string // user or assistant
	Text string
}

// Prompt is what the model is given.
type Prompt struct {
	System  string // what it is to do, with what it may know
	History []Line // oldest first
	Ask     string
}

const (
	talkContext = 4096 // tokens
	talkAnswer  = 400  // tokens
	stepsAnswer = 1200 // tokens
)

// NewTalker returns the talker of a model such as llama3.2:3b. It does not call
// the server.
func NewTalker(c Config, model string) (*Talker, error) {
	caller, err := newCaller(c)
	if err != nil {
		return nil, err
	}
	return &Talker{caller: caller, model: model}, nil
}

// Model is the name of the language model.
func (t *Talker) Model() string { return t.model }

// Waiting reports whether somebody waits for the model's first word: if it is
// not in memory, it is being loaded.
func (t *Talker) Waiting() bool { return t.waiting.Load() > 0 }

// Say asks the model, and hands on what it says, piece by piece, as it comes. An
// answer that grows too long is cut, and no error. It returns
// fault.Unavailable when the server does not answer in time, is busy or lacks
// the model, and fault.Malformed when the prompt is longer than the model's
// memory. Pieces may have been handed on before an error. When ctx ends, the
// server stops.
func (t *Talker) Say(ctx context.Context, p Prompt, each func(piece string)) error {
	_, err := t.call(ctx, func(ctx context.Context) (answer, error) {
		last, err := t.chat(ctx, t.request(p), each)
		if last.Done && last.DoneReason == "length" {
			last.DoneReason = "stop"
			each("…")
		}
		return answer{}, whole(ctx, err, last.Done, last.DoneReason)
	})
	return err
}

// stepsSchema is what the model's answer must look like.
var stepsSchema = json.RawMessage(`{
	"type": "object", "required": ["steps"],
	"properties": {"steps": {"type": "array", "minItems": 2, "maxItems": 6, "items": {"type": "string", "minLength": 3, "maxLength": 60}}}
}`)

// Steps asks the model for a list of steps. It returns what Say does, and
// fault.Malformed when the answer is no such list.
func (t *Talker) Steps(ctx context.Context, p Prompt) ([]string, error) {
	request := t.request(p)
	request.Format, request.Options["num_predict"] = stepsSchema, stepsAnswer
	a, err := t.call(ctx, func(ctx context.Context) (answer, error) {
		var text strings.Builder
		last, err := t.chat(ctx, request, func(piece string) { text.WriteString(piece) })
		return answer{text: text.String()}, whole(ctx, err, last.Done, last.DoneReason)
	})
	if err != nil {
		return nil, err
	}
	var out struct {
		Steps []string `json:"steps"`
	}
	if err := json.Unmarshal([]byte(a.text), &out); err != nil {
		return nil, nonsense(err)
	}
	if len(out.Steps) == 0 {
		return nil, fault.New(fault.Malformed, "the model's answer is empty")
	}
	return out.Steps, nil
}

func (t *Talker) request(p Prompt) *api.ChatRequest {
	no := false
	messages := []api.Message{{Role: "system", Content: withoutControlTokens(p.System)}}
	for _, line := range append(p.History, Line{"user", p.Ask}) {
		messages = append(messages, api.Message{Role: line.Role, Content: withoutControlTokens(line.Text)})
	}
	return &api.ChatRequest{
		Model:     t.model,
		Messages:  messages,
		KeepAlive: &api.Duration{Duration: keepAlive},
		Options:   map[string]any{"temperature": 0.3, "seed": 1, "num_ctx": talkContext, "num_predict": talkAnswer},
		Truncate:  &no,
		Shift:     &no,
		Think:     &api.ThinkValue{Value: false},
	}
}

// chat carries out a request as a stream, and returns its last part.
func (t *Talker) chat(ctx context.Context, request *api.ChatRequest, each func(string)) (last api.ChatResponse, err error) {
	t.waiting.Add(1)
	waits := true
	arrived := func() {
		if waits {
			waits = false
			t.waiting.Add(-1)
		}
	}
	defer arrived()
	err = t.client.Chat(ctx, request, func(r api.ChatResponse) error {
		arrived()
		last = r
		if r.Message.Content != "" {
			each(r.Message.Content)
		}
		return nil
	})
	if err != nil {
		return last, named(t.model, err)
	}
	return last, nil
}
