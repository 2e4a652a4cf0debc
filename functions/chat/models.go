package main

import (
	"context"
	"errors"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/ollama"
	"github.com/todochat/todochat/internal/web"
)

// models are the language models that the function is set up for.
type models struct {
	*ollama.Library
	purposes     map[string]string
	interpreter  string
	conversation bool
}

type modelsOutput struct {
	Body struct {
		Models       []modelBody `json:"models" nullable:"false" doc:"Those that the function is set up for and that come from a registry"`
		Interpreter  string      `json:"interpreter" doc:"What reads messages: auto, rules, intent or ollama:NAME"`
		Conversation bool        `json:"conversation" doc:"Whether a model is set up that answers free questions"`
	}
}

type modelBody struct {
	Name    string    `json:"name"`
	Purpose string    `json:"purpose" enum:"conversation,interpreter"`
	State   string    `json:"state" enum:"ready,present,loading,missing,pulling,unknown" doc:"ready: in memory; present: on Ollama's disk; unknown: Ollama does not answer"`
	Size    int64     `json:"size" doc:"Bytes on disk; 0 if unknown"`
	Pull    *pullBody `json:"pull,omitempty" doc:"The pull under way"`
	Problem string    `json:"problem,omitempty" doc:"Why the last pull failed"`
}

type pullBody struct {
	Model       string  `json:"model"`
	Status      string  `json:"status" doc:"What Ollama does"`
	Completed   int64   `json:"completed" doc:"Bytes, of all layers so far; never less than before"`
	Total       int64   `json:"total" doc:"Bytes, of the layers that are known so far; 0 before any is"`
	Speed       float64 `json:"speed" doc:"Bytes per second, lately"`
	SecondsLeft float64 `json:"seconds_left" doc:"At that speed; -1 when nobody knows"`
}

func pullBodyOf(model string, p ollama.Progress) pullBody {
	body := pullBody{Model: model, Status: p.Status, Completed: p.Completed, Total: p.Total, Speed: p.Speed, SecondsLeft: -1}
	if left := p.Left(); left >= 0 {
		body.SecondsLeft = left.Seconds()
	}
	return body
}

func (f *function) listModels(ctx context.Context, _ account.Principal, _ *struct{}) (*modelsOutput, error) {
	out := &modelsOutput{}
	out.Body.Interpreter, out.Body.Conversation = f.models.interpreter, f.models.conversation
	out.Body.Models = []modelBody{}
	for _, s := range f.models.States(ctx) {
		out.Body.Models = append(out.Body.Models, f.modelBodyOf(s))
	}
	return out, nil
}

func (f *function) modelBodyOf(s ollama.State) modelBody {
	body := modelBody{Name: s.Name, Purpose: f.models.purposes[s.Name], State: string(s.Presence), Size: s.Size}
	if f.talker != nil && s.Name == f.talker.Model() && s.Presence == ollama.Present && f.talker.Waiting() {
		body.State = "loading"
	}
	switch {
	case s.Pull == nil:
	case s.Presence == ollama.Pulling:
		pull := pullBodyOf(s.Name, *s.Pull)
		body.Pull = &pull
	default:
		body.Problem = detailOf(s.Pull.Err)
	}
	return body
}

const eventProgress = "progress"

var pullEvents = []web.EventType{{Name: eventProgress, Data: pullBody{}}}

type pullInput struct {
	Body struct {
		Model string `json:"model" maxLength:"200" doc:"One of those that GET /api/chat/models names"`
	}
}

type pulledBody struct {
	Model string `json:"model"`
	Size  int64  `json:"size" doc:"Bytes on disk"`
}

// pullModel lets Ollama pull a model, or watches it being pulled. Whoever asks
// for no events waits for the end.
func (f *function) pullModel(ctx context.Context, who web.Caller, in *pullInput, tell func(string, any)) (pulledBody, error) {
	if _, err := f.todos.Me(ctx, who.Token); err != nil {
		return pulledBody{}, err
	}
	name := in.Body.Model
	err := f.models.Pull(ctx, name, func(p ollama.Progress) {
		tell(eventProgress, pullBodyOf(name, p))
	})
	if err != nil {
		return pulledBody{}, err
	}
	for _, s := range f.models.States(ctx) {
		if s.Name == name && s.Size > 0 {
			return pulledBody{name, s.Size}, nil
		}
	}
	return pulledBody{}, fault.New(fault.Unavailable, "Ollama has pulled the model and does not show it: look at it with GET /api/chat/models").Because(errors.New(name))
}
