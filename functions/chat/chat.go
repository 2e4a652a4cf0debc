package main

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/chat"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/todo"
	"github.com/todochat/todochat/internal/web"
)

type chatInput struct {
	Body struct {
		Message        string `json:"message,omitempty" maxLength:"4000" doc:"What the person says; this or confirm"`
		Confirm        string `json:"confirm,omitempty" format:"uuid" doc:"The id of a proposal to carry out"`
		MessageID      string `json:"message_id,omitempty" maxLength:"255" doc:"1 to 255 visible ASCII characters: a message that comes again with the same id acts once"`
		ConversationID string `json:"conversation_id,omitempty" format:"uuid" doc:"Without it a conversation begins"`
		TimeZone       string `json:"time_zone,omitempty" doc:"An IANA name: what today means; the account's own if left out" example:"Europe/Berlin"`
	}
}

type replyBody struct {
	Reply          string          `json:"reply" doc:"What the assistant says"`
	Intents        []intent.Intent `json:"intents" nullable:"false" doc:"What it understood"`
	Actions        []actionBody    `json:"actions" nullable:"false" doc:"What it did"`
	Question       string          `json:"question,omitempty" doc:"What it must know first; part of reply"`
	Proposal       *proposalBody   `json:"proposal,omitempty" doc:"What it does once that is confirmed"`
	Interpreter    string          `json:"interpreter" doc:"What understood the message: rules, intent or ollama:NAME"`
	Model          string          `json:"model,omitempty" doc:"The language model that wrote part of the reply"`
	ConversationID uuid.UUID       `json:"conversation_id"`
}

type actionBody struct {
	Op   string    `json:"op" enum:"create,update,complete,reopen,delete,undo"`
	Todo todo.Todo `json:"todo" doc:"The todo afterwards, or as it was before it was deleted"`
	Seq  int64     `json:"seq" doc:"POST /api/changes/{seq}/undo takes back the whole message"`
}

type proposalBody struct {
	ID         uuid.UUID      `json:"id"`
	Operations []proposedBody `json:"operations" nullable:"false"`
	ExpiresAt  time.Time      `json:"expires_at"`
}

type proposedBody struct {
	Op     string `json:"op" enum:"create,update,complete,reopen,delete"`
	Number int    `json:"number" doc:"0 for a todo that is not there yet"`
	Title  string `json:"title"`
}

// chat takes one turn of a conversation.
func (f *function) chat(ctx context.Context, who web.Caller, in *chatInput, tell func(string, any)) (replyBody, error) {
	t, err := f.newTurn(who, in)
	if err != nil {
		return replyBody{}, err
	}
	t.tell = tell
	return t.take(ctx)
}

// newTurn checks what was sent.
func (f *function) newTurn(who web.Caller, in *chatInput) (*turn, error) {
	b := in.Body
	t := &turn{function: f, who: who, message: strings.TrimSpace(b.Message), messageID: b.MessageID, zone: b.TimeZone}
	switch {
	case (t.message == "") == (b.Confirm == ""):
		return nil, fault.InvalidField("body.message", "send either a message or a proposal to confirm")
	case !todo.IsText(strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(t.message)):
		return nil, fault.InvalidField("body.message", "a message is text without control characters")
	case strings.ContainsFunc(b.MessageID, func(r rune) bool { return r < '!' || r > '~' }):
		return nil, fault.InvalidField("body.message_id", "a message_id has 1 to 255 visible ASCII characters")
	}
	var err error
	if b.Confirm != "" {
		if t.confirm, err = uuid.Parse(b.Confirm); err != nil {
			return nil, fault.InvalidField("body.confirm", "this is the id of a proposal")
		}
	}
	if t.location, err = time.LoadLocation(b.TimeZone); err != nil || b.TimeZone == "Local" {
		return nil, fault.InvalidField("body.time_zone", "a time zone is an IANA name such as Europe/Berlin")
	}
	if b.ConversationID != "" {
		if t.conversation, err = uuid.Parse(b.ConversationID); err != nil {
			return nil, fault.InvalidField("body.conversation_id", "this is the id of a conversation")
		}
		return t, nil
	}
	t.isNew = true
	t.conversation, err = uuid.NewV7()
	return t, err
}

// lookUp reads what the intents need to be resolved.
func (t *turn) lookUp(ctx context.Context, intents []intent.Intent, c chat.Context) (map[int]chat.Found, error) {
	found := make(map[int]chat.Found)
	for n, l := range chat.Lookups(intents, c, t.now()) {
		var err error
		if found[n], err = t.find(ctx, l); err != nil {
			return nil, err
		}
	}
	return found, nil
}
