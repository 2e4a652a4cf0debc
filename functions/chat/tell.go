package main

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/chat"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/ollama"
	"github.com/todochat/todochat/internal/web"
)

// The events of a turn, in the order in which they come; done ends it.
const (
	eventUnderstood = "understood"
	eventActed      = "acted"
	eventToken      = "token"
	eventProposal   = "proposal"
)

var chatEvents = []web.EventType{
	{Name: eventUnderstood, Data: understoodBody{}},
	{Name: eventActed, Data: actedBody{}},
	{Name: eventToken, Data: tokenBody{}},
	{Name: eventProposal, Data: proposalBody{}},
}

type understoodBody struct {
	Intents        []intent.Intent `json:"intents" nullable:"false"`
	Interpreter    string          `json:"interpreter"`
	Notice         string          `json:"notice,omitempty" doc:"Why a lesser interpreter read the message"`
	ConversationID uuid.UUID       `json:"conversation_id"`
}

type actedBody struct {
	Actions []actionBody `json:"actions" nullable:"false"`
}

type tokenBody struct {
	Text string `json:"text" doc:"The next piece of the reply"`
}

func (t *turn) understood(plan chat.Plan) {
	t.tell(eventUnderstood, understoodBody{orNone(plan.Intents), plan.Interpreter, plan.Notice, t.conversation})
}

func (t *turn) acted(actions []actionBody) {
	if len(actions) > 0 {
		t.tell(eventActed, actedBody{actions})
	}
}

// repeat tells of a turn that was taken before.
func (t *turn) repeat(r replyBody) {
	t.tell(eventUnderstood, understoodBody{orNone(r.Intents), r.Interpreter, "", r.ConversationID})
	t.acted(r.Actions)
	t.tell(eventToken, tokenBody{r.Reply})
	if r.Proposal != nil {
		t.tell(eventProposal, *r.Proposal)
	}
}

func orNone(intents []intent.Intent) []intent.Intent {
	if intents == nil {
		return []intent.Intent{}
	}
	return intents
}

// speak tells what happened, step by step: by templates over what really is,
// and where a step is a free question by the language model, if there is one.
// It returns the plan with what the model suggested, the whole reply, and the
// model's name if it wrote part of it.
func (t *turn) speak(ctx context.Context, plan chat.Plan, o chat.Outcome) (_ chat.Plan, reply, model string) {
	said := &saying{tell: t.tell}
	for n, s := range plan.Steps {
		said.newLine()
		if s.Answers() && t.talker != nil {
			var answered bool
			if plan, answered = t.converse(ctx, plan, n, o, said.say); answered {
				model = t.talker.Model()
				continue
			}
			said.newLine()
		}
		said.say(plan.Told(n, o))
	}
	said.newLine()
	said.say(plan.Notice)
	return plan, said.text.String(), model
}

// saying is a reply as it is being told.
type saying struct {
	tell   func(event string, data any)
	text   strings.Builder
	breaks bool // a new line begins with whatever comes next
}

func (s *saying) newLine() { s.breaks = s.text.Len() > 0 }

func (s *saying) say(text string) {
	if text == "" {
		return
	}
	if s.breaks {
		text, s.breaks = "\n"+text, false
	}
	s.text.WriteString(text)
	s.tell(eventToken, tokenBody{text})
}

// converse lets the model tell step n, and reports whether it did.
func (t *turn) converse(ctx context.Context, plan chat.Plan, n int, o chat.Outcome, say func(string)) (chat.Plan, bool) {
	var err error
	if plan.Steps[n].Kind == chat.Suggest {
		if plan, err = t.suggest(ctx, plan, n); err == nil {
			say(plan.SuggestedText())
			return plan, true
		}
	} else if err = t.answer(ctx, o, say); err == nil {
		return plan, true
	}
	var failed modelError
	switch {
	case ctx.Err() != nil: // nobody listens any more
		return plan, true
	case fault.KindOf(err) == fault.NotFound:
		say(detailOf(err) + ".")
		return plan, true
	case errors.As(err, &failed) && ollama.IsMissing(err): // that, the list of models says
	case errors.As(err, &failed):
		t.log.WarnContext(ctx, "the conversation model does not answer", "error", err)
		say("(The language model does not answer right now.)")
	default:
		t.log.WarnContext(ctx, "a question goes to no model", "error", err)
	}
	return plan, false
}

// modelError is a failure of the model, and of nothing else.
type modelError struct{ error }

func (e modelError) Unwrap() error { return e.error }

// remembered bounds how much of the conversation the model is given.
const (
	rememberedMessages   = 6
	rememberedCharacters = 300
)

// answer streams the model's words about the list, and then the figures, which
// are never the model's. A list that is too long for the model is cut.
func (t *turn) answer(ctx context.Context, o chat.Outcome, say func(string)) error {
	history, err := t.history(ctx, o)
	if err != nil {
		return err
	}
	guard := chat.NewGuard(o)
	spoke := false
	for _, most := range []int{6000, 1500} {
		p := chat.AnswerPrompt(t.message, o, most)
		err = t.talker.Say(ctx, ollama.Prompt{System: p.System, History: history, Ask: p.Ask}, func(piece string) {
			spoke = true
			say(guard.Write(piece))
		})
		if spoke || fault.KindOf(err) != fault.Malformed {
			break
		}
		history = nil
	}
	if spoke {
		say(guard.Close() + "\n")
	}
	if err != nil {
		return modelError{err}
	}
	say(chat.Facts(o, guard.Spoken()))
	return nil
}

// suggest asks the model for steps, and makes them the plan's proposal.
func (t *turn) suggest(ctx context.Context, plan chat.Plan, n int) (chat.Plan, error) {
	if len(plan.Proposal) > 0 {
		return plan, errors.New("there is another proposal")
	}
	topic := plan.Steps[n].Topic
	if number := plan.Steps[n].TopicNumber(); number != 0 {
		there, err := t.todos.Todo(ctx, t.who.Token, strconv.Itoa(number))
		if fault.KindOf(err) == fault.NotFound {
			return plan, fault.Newf(fault.NotFound, "There is no todo #%d", number)
		}
		if err != nil {
			return plan, err
		}
		topic = there.Title
	}
	p := chat.StepsPrompt(topic)
	steps, err := t.talker.Steps(ctx, ollama.Prompt{System: p.System, Ask: p.Ask})
	if err != nil {
		return plan, modelError{err}
	}
	suggested, ok := plan.Suggested(steps)
	if !ok {
		return plan, modelError{errors.New("no step could be a todo")}
	}
	return suggested, nil
}

// history is what was said last in the conversation, without the figures that
// the program has said: the model is told none.
func (t *turn) history(ctx context.Context, o chat.Outcome) ([]ollama.Line, error) {
	if t.isNew {
		return nil, nil
	}
	messages, err := t.store.LastSaid(ctx, t.who.Account, t.conversation, rememberedMessages)
	if err != nil {
		return nil, err
	}
	var lines []ollama.Line
	for _, m := range messages {
		text := shortened(m.Text, rememberedCharacters)
		if m.Role == "assistant" {
			guard := chat.NewGuard(o)
			text = guard.Write(text)
			text += guard.Close()
		}
		lines = append(lines, ollama.Line{Role: m.Role, Text: text})
	}
	return lines, nil
}

// shortened cuts s to a number of characters, and shows that it did.
func shortened(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
