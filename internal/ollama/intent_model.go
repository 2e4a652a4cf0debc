package ollama

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/intentmodel"
)

// IntentModel asks the program's own model what messages mean. It gives the
// model to the server when the server does not have it.
type IntentModel struct {
	*caller

	mu       sync.Mutex
	ready    bool
	preparer *preparation // the one under way, or the last that failed
}

// preparation is one try to give the model to the server.
type preparation struct {
	began, ended time.Time
	done         chan struct{}
	err          error
}

const (
	intentContext = 1024 // tokens; what the model was made for
	intentAnswer  = 240  // tokens

	prepareTime = time.Minute     // for one try
	prepareRest = 2 * time.Second // after one that failed
)

// NewIntentModel returns the interpreter. It does not call the server.
func NewIntentModel(c Config) (*IntentModel, error) {
	caller, err := newCaller(c)
	if err != nil {
		return nil, err
	}
	return &IntentModel{caller: caller}, nil
}

// Name is what replies call the interpreter.
func (m *IntentModel) Name() string { return "intent" }

// onServer is what the server calls the model: each has a name of its own.
func onServer() string { return intentmodel.Name + ":" + intentmodel.Digest()[:12] }

// Interpret asks the model what a message means, and returns how sure it is: the
// probability of what it was least sure of. It returns fault.Unavailable when
// the server does not answer in time, is busy or is just given the model, and
// fault.Malformed when the message is too long for the model or its answer
// makes no sense.
func (m *IntentModel) Interpret(ctx context.Context, message string) (intents []intent.Intent, sure float64, err error) {
	units := intentmodel.Split(message)
	if len(units) == 0 || len(units) > intentmodel.MaxUnits {
		return nil, 0, fault.New(fault.Malformed, "the message is too long for the model")
	}
	ctx, cancel := context.WithTimeout(ctx, m.deadline)
	defer cancel()
	if err := m.await(ctx, m.deadline); err != nil {
		return nil, 0, fault.New(fault.Unavailable, "the model is not ready").Because(err)
	}
	a, err := m.call(ctx, func(ctx context.Context) (answer, error) { return m.ask(ctx, intentmodel.Prompt(units)) })
	if err != nil {
		if IsMissing(err) {
			m.forget()
		}
		return nil, 0, err
	}
	intents, err = intentmodel.Read(a.text, message, units)
	if err != nil {
		return nil, 0, nonsense(err)
	}
	return intents, a.sure, nil
}

// ask returns the model's whole answer.
func (m *IntentModel) ask(ctx context.Context, prompt string) (answer, error) {
	no := false
	request := &api.GenerateRequest{
		Model:     onServer(),
		Prompt:    prompt,
		Raw:       true,
		Stream:    &no,
		KeepAlive: &api.Duration{Duration: keepAlive},
		// More threads make a model this small slower: they wait for one another.
		Options:  map[string]any{"temperature": 0, "num_ctx": intentContext, "num_predict": intentAnswer, "num_thread": 1},
		Truncate: &no,
		Shift:    &no,
		Logprobs: true,
	}
	var text strings.Builder
	var last api.GenerateResponse
	least := 0.0
	err := m.client.Generate(ctx, request, func(r api.GenerateResponse) error {
		text.WriteString(r.Response)
		for _, l := range r.Logprobs {
			least = min(least, l.Logprob)
		}
		last = r
		return nil
	})
	if err := whole(ctx, err, last.Done, last.DoneReason); err != nil {
		return answer{}, named(onServer(), err)
	}
	return answer{text: text.String(), sure: math.Exp(least)}, nil
}

// Prepare gives the server the model, unless it has it; the first message lets
// the server load it. It can be called at any time, by many.
func (m *IntentModel) Prepare(ctx context.Context) error { return m.await(ctx, prepareTime) }

// await waits until the server has the model. A try goes on when the one who
// waits for it gives up; whoever comes when it has lasted longer than patience
// does not wait.
func (m *IntentModel) await(ctx context.Context, patience time.Duration) error {
	m.mu.Lock()
	if m.ready {
		m.mu.Unlock()
		return nil
	}
	p := m.preparer
	if p == nil || !p.ended.IsZero() && time.Since(p.ended) > prepareRest {
		p = &preparation{began: time.Now(), done: make(chan struct{})}
		m.preparer = p
		go m.prepare(context.WithoutCancel(ctx), p)
	}
	m.mu.Unlock()
	ctx, cancel := context.WithDeadline(ctx, p.began.Add(patience))
	defer cancel()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// forget makes the next call look whether the server still has the model.
func (m *IntentModel) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ready, m.preparer = false, nil
}

func (m *IntentModel) prepare(ctx context.Context, p *preparation) {
	ctx, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	err := m.upload(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	p.err, p.ended = err, time.Now()
	m.ready = err == nil
	close(p.done)
}

// upload makes the model on the server from the file in this program.
func (m *IntentModel) upload(ctx context.Context) error {
	_, err := m.client.Show(ctx, &api.ShowRequest{Model: onServer()})
	switch {
	case err == nil:
		return nil
	case !IsMissing(err):
		return err
	}
	digest := "sha256:" + intentmodel.Digest()
	if err := m.client.CreateBlob(ctx, digest, bytes.NewReader(intentmodel.GGUF())); err != nil {
		return fmt.Errorf("upload the intent model: %w", err)
	}
	made := ""
	err = m.client.Create(ctx, &api.CreateRequest{
		Model:    onServer(),
		Files:    map[string]string{intentmodel.Name + ".gguf": digest},
		Template: "{{ .Prompt }}",
	}, func(p api.ProgressResponse) error { made = p.Status; return nil })
	switch {
	case err != nil:
		return fmt.Errorf("create the intent model: %w", err)
	case made != "success":
		return fmt.Errorf("create the intent model: the server ended with %q", made)
	}
	return nil
}
