package ollama

import (
	"context"
	"strings"

	"github.com/ollama/ollama/api"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/intent"
)

// Model asks one language model what messages mean, by a prompt.
type Model struct {
	*caller
	model string
}

const (
	// modelContext is given with each call: a model is loaded anew when it changes.
	modelContext = 4096
	modelAnswer  = 512 // tokens
)

// NewModel returns the interpreter of a model such as llama3.2:3b. It does not
// call the server.
func NewModel(c Config, model string) (*Model, error) {
	caller, err := newCaller(c)
	if err != nil {
		return nil, err
	}
	return &Model{caller, model}, nil
}

// Name is what replies call the interpreter.
func (m *Model) Name() string { return "ollama:" + m.model }

// Interpret asks the model what a message means. It returns fault.Unavailable
// when the server does not answer in time, is busy or lacks the model, and
// fault.Malformed when the answer makes no sense.
func (m *Model) Interpret(ctx context.Context, message string) ([]intent.Intent, error) {
	a, err := m.call(ctx, func(ctx context.Context) (answer, error) { return m.ask(ctx, message) })
	if err != nil {
		return nil, err
	}
	intents, err := intent.Decode([]byte(a.text))
	if err != nil {
		return nil, nonsense(err)
	}
	if len(intents) == 0 {
		return nil, fault.New(fault.Malformed, "the model's answer is empty")
	}
	return intents, nil
}

// ask returns the model's whole answer.
func (m *Model) ask(ctx context.Context, message string) (answer, error) {
	no := false
	request := &api.ChatRequest{
		Model:     m.model,
		Messages:  []api.Message{{Role: "system", Content: prompt()}, {Role: "user", Content: withoutControlTokens(message)}},
		Stream:    &no,
		Format:    intent.Schema(),
		KeepAlive: &api.Duration{Duration: keepAlive},
		Options:   map[string]any{"temperature": 0, "num_ctx": modelContext, "num_predict": modelAnswer},
		Truncate:  &no,
		Shift:     &no,
		Think:     &api.ThinkValue{Value: false},
	}
	var text strings.Builder
	var last api.ChatResponse
	err := m.client.Chat(ctx, request, func(r api.ChatResponse) error {
		text.WriteString(r.Message.Content)
		last = r
		return nil
	})
	if err := whole(ctx, err, last.Done, last.DoneReason); err != nil {
		return answer{}, named(m.model, err)
	}
	return answer{text: text.String()}, nil
}

// withoutControlTokens keeps a message from speaking as the template: models
// mark turns by tokens such as <|eot_id|> or </s>, and the server reads them
// in what people write, too.
func withoutControlTokens(s string) string {
	return strings.NewReplacer("<|", "< |", "|>", "| >", "<s>", "< s>", "</s>", "< /s>", "[INST]", "[ INST]", "[/INST]", "[ /INST]",
		"<start_of_turn>", "< start_of_turn>", "<end_of_turn>", "< end_of_turn>").Replace(s)
}
