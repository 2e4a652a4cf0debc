package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/event"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
	"github.com/todochat/todochat/internal/web"
)

// senders are those whose events are taken.
type senders struct {
	verifier account.SenderVerifier
	whom     map[string]whom // each may speak for, by subject
}

// whom are the accounts that a sender may speak for.
type whom struct {
	all      bool
	accounts []uuid.UUID
}

func (w whom) has(account uuid.UUID) bool { return w.all || slices.Contains(w.accounts, account) }

// takeEvent takes an event that asks for a todo, and answers with the event of
// the change: that is how a Trigger's subscriber replies. The same event acts
// once. Knative sends again what is answered with 404, 408, 409, 429 or 5xx: so
// what can never succeed is 400, 401, 403 or 422.
func (f *function) takeEvent(w http.ResponseWriter, r *http.Request) {
	who, err := f.sender(r)
	if err != nil {
		web.Fail(w, r, forSender(err))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxEvent)
	e, structured, err := event.Read(r)
	if err != nil {
		web.Fail(w, r, forSender(err))
		return
	}
	asked, err := event.ReadRequest(e)
	if err != nil {
		web.Fail(w, r, forSender(err))
		return
	}
	if !f.senders.whom[who].has(asked.Account) {
		web.Fail(w, r, fault.New(fault.Forbidden, "this sender may not speak for that account: EVENT_SENDERS says who may"))
		return
	}
	change, err := f.createFor(r.Context(), account.Principal{Account: asked.Account, Sender: who}, asked)
	if err != nil {
		web.Fail(w, r, forSender(err))
		return
	}
	made, err := event.Of(asked.Account, change, f.source)
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	_ = event.Answer(w, made, structured) // the sender may be gone
}

// maxEvent bounds an event, in bytes.
const maxEvent = 64 << 10

// sender returns who sends, or fault.Unauthenticated or fault.Forbidden.
func (f *function) sender(r *http.Request) (string, error) {
	if f.senders == nil {
		return "", fault.New(fault.Forbidden, "no events are taken here: EVENT_ISSUER and what belongs to it are not set")
	}
	token, ok := web.Bearer(r)
	if !ok {
		return "", fault.New(fault.Unauthenticated, "send Authorization: Bearer with the sender's token: Knative's OIDC does")
	}
	subject, err := f.senders.verifier.Sender(r.Context(), token)
	if err != nil {
		return "", err
	}
	if _, ok := f.senders.whom[subject]; !ok {
		return "", fault.New(fault.Forbidden, "events of this sender are not taken: EVENT_SENDERS says whose are")
	}
	return subject, nil
}

// createFor makes the todo that an event asks for.
func (f *function) createFor(ctx context.Context, who account.Principal, asked event.Request) (todo.Change, error) {
	var body contentBody
	if err := json.Unmarshal(asked.Todo, &body, json.RejectUnknownMembers(true)); err != nil {
		return todo.Change{}, fault.New(fault.Malformed, "data.todo is what POST /api/todos takes: check the names and types of its members").Because(err)
	}
	content, err := body.content()
	if err != nil {
		return todo.Change{}, below("data.todo.", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return todo.Change{}, fmt.Errorf("make an id: %w", err)
	}
	result, err := f.store.Apply(ctx, who, asked.Key, []todo.Op{todo.Create{ID: id, Content: content}})
	if err != nil {
		return todo.Change{}, locate(err, func(int) string { return "data.todo" })
	}
	return result.Changes[0], nil
}

// forSender gives a failure that will not pass by sending again one of the
// statuses that Knative takes for that.
func forSender(err error) error {
	switch fault.KindOf(err) {
	case fault.NotFound, fault.Conflict, fault.TooLarge, fault.Stale:
		return fault.New(fault.Invalid, "this event can never be taken").Because(err)
	}
	return err
}
