package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/chat"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/interpreter"
	"github.com/todochat/todochat/internal/postgres"
	"github.com/todochat/todochat/internal/todo"
	"github.com/todochat/todochat/internal/todoclient"
	"github.com/todochat/todochat/internal/web"
)

// turn is one message, or one confirmation, and what comes of it.
type turn struct {
	*function
	who          web.Caller
	message      string
	confirm      uuid.UUID // the proposal to carry out
	messageID    string    // empty: it cannot come again
	conversation uuid.UUID
	isNew        bool // the conversation begins
	zone         string
	location     *time.Location
	located      bool // location is the account's own

	tell    func(event string, data any) // who listens hears what happens as it does
	known   *todoclient.Me               // the person, as read since the last change
	context chat.Context
	asked   bool // the todo function was called, and so vouches for the session
}

// now is the time in the person's time zone.
func (t *turn) now() time.Time { return t.function.now().In(t.location) }

// take carries the turn out. A message id that was seen before does what it
// first resolved to, and answers what it first answered.
func (t *turn) take(ctx context.Context) (replyBody, error) {
	remembered, seen, err := t.store.Open(ctx, t.who.Account, t.conversation, t.isNew, t.messageID)
	if err != nil {
		return replyBody{}, err
	}
	t.context = remembered
	if seen != nil {
		return t.again(ctx, *seen)
	}
	if t.confirm != uuid.Nil {
		return t.confirmed(ctx, t.confirm)
	}
	plan, err := t.decide(ctx)
	if err != nil {
		return replyBody{}, err
	}
	if plan == nil { // the message said yes
		reply, err := t.confirmed(ctx, t.context.Proposal)
		if fault.KindOf(err) == fault.Conflict { // too old, or confirmed by button meanwhile
			return t.carryOut(ctx, chat.Saying("I did nothing: "+detailOf(err)+"."))
		}
		return reply, err
	}
	if plan.Acts() && t.messageID != "" {
		stored, err := t.store.Decide(ctx, t.stored(*plan))
		if err != nil {
			return replyBody{}, err
		}
		return t.again(ctx, *stored)
	}
	return t.carryOut(ctx, *plan)
}

// again goes on with what a message id stands for.
func (t *turn) again(ctx context.Context, seen postgres.Turn) (replyBody, error) {
	if string(seen.Hash) != string(t.hash()) {
		return replyBody{}, fault.New(fault.KeyReused, "this message_id was used for another message: choose a new one")
	}
	t.conversation = seen.Conversation
	if seen.Reply == nil {
		return t.carryOut(ctx, seen.Plan)
	}
	if err := t.vouch(ctx); err != nil {
		return replyBody{}, err
	}
	var reply replyBody
	if err := json.Unmarshal(seen.Reply, &reply); err != nil {
		return replyBody{}, fmt.Errorf("decode reply: %w", err)
	}
	t.repeat(reply)
	return reply, nil
}

// hash identifies what was sent under the message id.
func (t *turn) hash() []byte {
	sum := sha256.Sum256([]byte(t.message + "\x00" + t.confirm.String()))
	return sum[:]
}

func (t *turn) stored(plan chat.Plan) postgres.Turn {
	return postgres.Turn{Account: t.who.Account, MessageID: t.messageID, Hash: t.hash(), Conversation: t.conversation, Plan: plan}
}

// decide finds out what the message does. It returns no plan for a yes to the
// open proposal.
func (t *turn) decide(ctx context.Context) (*chat.Plan, error) {
	reading := interpreter.Reading{By: "rules"}
	switch answer, chosen := chat.Follow(t.message, t.context); answer {
	case chat.Yes:
		return nil, nil
	case chat.No:
		plan := chat.Dismissal([]intent.Intent{{Op: intent.Chat}}, reading.By)
		return &plan, nil
	case chat.Chosen:
		reading.Intents = []intent.Intent{chosen}
	default:
		reading = t.reader.Interpret(ctx, t.message)
	}
	if err := t.locate(ctx, reading.Intents); err != nil {
		return nil, err
	}
	found, err := t.lookUp(ctx, reading.Intents, t.context)
	if err != nil {
		return nil, err
	}
	plan := chat.Resolve(chat.Request{
		Message: t.message, Intents: reading.Intents, Interpreter: reading.By, Notice: reading.Notice, Unsure: reading.Unsure,
		Context: t.context, Found: found, Now: t.now(),
	})
	return &plan, nil
}

// locate asks for the account's time zone, if the message needs one and
// brought none.
func (t *turn) locate(ctx context.Context, intents []intent.Intent) error {
	if t.zone != "" {
		return nil
	}
	for _, i := range intents {
		if i.Due == "" && (i.Filter == nil || i.Filter.Due == "") && i.Op != intent.Ask && i.Op != intent.List {
			continue
		}
		return t.locateAccount(ctx)
	}
	return nil
}

// locateFor asks for the account's time zone, if the reply may speak of a
// moment and the zone is not known yet.
func (t *turn) locateFor(ctx context.Context, o *chat.Outcome) error {
	if t.zone != "" || t.located || !speaksOfMoments(o) {
		return nil
	}
	if err := t.locateAccount(ctx); err != nil {
		return err
	}
	o.Now = t.now()
	return nil
}

func speaksOfMoments(o *chat.Outcome) bool {
	lists := append([]chat.Found{{Todos: o.Todos}, o.Open}, o.Lists...)
	return slices.ContainsFunc(lists, func(f chat.Found) bool {
		return slices.ContainsFunc(f.Todos, func(there todo.Todo) bool { return !there.Due.IsNone() })
	})
}

// locateAccount makes now the time in the account's own time zone.
func (t *turn) locateAccount(ctx context.Context) error {
	me, err := t.me(ctx)
	if err != nil {
		return err
	}
	t.located = true
	t.location, err = time.LoadLocation(me.TimeZone)
	return err
}

// me asks who the person is. Before anything was done it asks once: that does
// not change meanwhile, but the counts of todos do.
func (t *turn) me(ctx context.Context) (todoclient.Me, error) {
	if t.known != nil {
		return *t.known, nil
	}
	t.asked = true
	me, err := t.todos.Me(ctx, t.who.Token)
	if err == nil {
		t.known = &me
	}
	return me, err
}

// vouch makes sure that the session still lives: a token that was logged out
// must read nothing here either.
func (t *turn) vouch(ctx context.Context) error {
	if t.asked {
		return nil
	}
	_, err := t.me(ctx)
	return err
}

// find reads what a lookup asks for.
func (t *turn) find(ctx context.Context, l chat.Lookup) (chat.Found, error) {
	t.asked = true
	if l.Number != 0 {
		there, err := t.todos.Todo(ctx, t.who.Token, strconv.Itoa(l.Number))
		if fault.KindOf(err) == fault.NotFound {
			return chat.Found{}, nil
		}
		return chat.Found{Todos: []todo.Todo{there}, Total: 1}, err
	}
	found, err := t.findAll(ctx, *l.Query, l.All)
	if err == nil && found.Total == 0 && l.Else != nil {
		return t.findAll(ctx, *l.Else, false)
	}
	return found, err
}

// findAll reads a list: its first page, or every page up to the most that one
// request may change.
func (t *turn) findAll(ctx context.Context, q todo.Query, every bool) (chat.Found, error) {
	var found chat.Found
	for cursor := ""; ; {
		page, err := t.todos.Todos(ctx, t.who.Token, q, cursor)
		if err != nil {
			return chat.Found{}, err
		}
		found.Todos, found.Total = append(found.Todos, page.Todos...), page.Total
		if !every || page.NextCursor == "" || len(found.Todos) >= todo.MaxOperations {
			return found, nil
		}
		cursor = page.NextCursor
	}
}

// carryOut does what the plan says, and answers with what really happened.
func (t *turn) carryOut(ctx context.Context, plan chat.Plan) (replyBody, error) {
	t.understood(plan)
	outcome, actions, seq, err := t.act(ctx, plan)
	if why := excuse(plan, err); why != "" {
		steps := []chat.Step{{Kind: chat.Say, Text: why}}
		if outcome.Undone != nil { // that much was done before
			steps = []chat.Step{{Kind: chat.Undid}, steps[0]}
		} else {
			plan.Undo = 0
		}
		plan.Steps, plan.Operations, plan.Proposal, plan.Question, err = steps, nil, nil, nil, nil
	}
	if err != nil {
		return replyBody{}, err
	}
	t.acted(actions)
	if err := t.observe(ctx, plan, &outcome); err != nil {
		return replyBody{}, err
	}
	if err := t.vouch(ctx); err != nil {
		return replyBody{}, err
	}
	return t.finish(ctx, plan, outcome, actions, seq, uuid.Nil)
}

// act takes back and changes todos. It returns a seq by which all of it can be
// taken back, if anything changed.
func (t *turn) act(ctx context.Context, plan chat.Plan) (chat.Outcome, []actionBody, int64, error) {
	o := chat.Outcome{Now: t.now()}
	var actions []actionBody
	var seq int64
	if plan.Undo != 0 {
		t.asked, t.known = true, nil
		result, err := t.todos.Undo(ctx, t.who.Token, t.key("undo:"), plan.Undo)
		if err != nil {
			return o, nil, 0, err
		}
		o.Undone = result.Todos
		for _, restored := range result.Todos {
			actions = append(actions, actionBody{"undo", restored, restored.Version})
		}
	}
	if len(plan.Operations) > 0 {
		result, err := t.batch(ctx, t.key("chat:"), plan.Operations)
		if err != nil {
			return o, actions, 0, err
		}
		o.Todos, o.Changed = result.Todos, changed(result)
		var done []actionBody
		done, seq = actionsOf(plan.Operations, o)
		actions = append(actions, done...)
	}
	return o, actions, seq, nil
}

// actionsOf lists the operations that changed something, and a seq by which
// all of them can be taken back.
func actionsOf(ops []chat.Operation, o chat.Outcome) (actions []actionBody, seq int64) {
	for i, op := range ops {
		if o.Changed[i] {
			seq = o.Todos[i].Version
			actions = append(actions, actionBody{op.Op, o.Todos[i], seq})
		}
	}
	return actions, seq
}

// key is the Idempotency-Key of what the turn does.
func (t *turn) key(prefix string) string {
	id := t.messageID
	switch {
	case id == "":
		id = t.conversation.String() + ":" + uuid.NewString()
	case len(id) > 200: // a key has at most 255 characters
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:])
	}
	return prefix + id
}

func (t *turn) batch(ctx context.Context, key string, ops []chat.Operation) (todoclient.Result, error) {
	t.asked, t.known = true, nil
	wire := make([]todoclient.Operation, len(ops))
	for i, op := range ops {
		wire[i] = todoclient.Operation{Op: op.Op, Ref: op.Ref, Todo: op.Todo, Patch: op.Patch, IfMatch: op.IfMatch}
	}
	return t.todos.Batch(ctx, t.who.Token, key, wire)
}

// changed says for each todo of a result whether the request changed it.
func changed(r todoclient.Result) []bool {
	touched := make(map[uuid.UUID]bool, len(r.Changes))
	for _, c := range r.Changes {
		touched[c.TodoID] = true
	}
	out := make([]bool, len(r.Todos))
	for i, there := range r.Todos {
		out[i] = touched[there.ID]
	}
	return out
}

// refusedAt finds the operation that a batch was refused for.
var refusedAt = regexp.MustCompile(`^body\.operations\[(\d+)\]`)

// excuse says in the conversation why nothing was done, where that is an
// answer and no failure.
func excuse(plan chat.Plan, err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return ""
	}
	switch f.Kind {
	case fault.NotFound:
		for _, field := range f.Fields {
			if m := refusedAt.FindStringSubmatch(field.Location); m != nil {
				if i, err := strconv.Atoi(m[1]); err == nil && i < len(plan.Operations) && plan.Operations[i].Number != 0 {
					return fmt.Sprintf("There is no todo #%d, so I changed nothing.", plan.Operations[i].Number)
				}
			}
		}
		return "That is no longer there, so I changed nothing."
	case fault.Stale:
		return "It has changed since I looked, so I did nothing. Please say it again."
	case fault.Conflict, fault.Invalid:
		return "I changed nothing: " + f.Detail + "."
	}
	return ""
}

func detailOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Detail
	}
	return "something went wrong"
}

// observe reads what the reply is about: after acting, so that it is true.
func (t *turn) observe(ctx context.Context, plan chat.Plan, o *chat.Outcome) error {
	for _, s := range plan.Steps {
		switch s.Kind {
		case chat.ShowAll:
			found, err := t.find(ctx, chat.Lookup{Query: s.Query})
			if err != nil {
				return err
			}
			o.Lists = append(o.Lists, found)
		case chat.Summary:
			if err := t.survey(ctx, o); err != nil {
				return err
			}
		case chat.Talk:
			if t.talker == nil {
				continue
			}
			if err := t.survey(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// survey reads how all of the list stands.
func (t *turn) survey(ctx context.Context, o *chat.Outcome) error {
	me, err := t.me(ctx)
	if err != nil {
		return err
	}
	o.Counts = chat.Counts(me.Counts)
	o.Open, err = t.find(ctx, chat.Lookup{Query: &todo.Query{Status: todo.Pending, Sort: todo.SortDue, Limit: 100}, All: true})
	return err
}

// finish tells what happened, stores the turn and returns its reply.
func (t *turn) finish(ctx context.Context, plan chat.Plan, o chat.Outcome, actions []actionBody, seq int64, confirmed uuid.UUID) (replyBody, error) {
	if err := t.locateFor(ctx, &o); err != nil {
		return replyBody{}, err
	}
	reply := replyBody{Intents: plan.Intents, Actions: actions, Interpreter: plan.Interpreter, ConversationID: t.conversation}
	plan, reply.Reply, reply.Model = t.speak(ctx, plan, o)
	if plan.Question != nil {
		reply.Question = plan.QuestionText()
	}
	if ctx.Err() != nil && !plan.Acts() {
		return replyBody{}, ctx.Err() // nobody heard the end of it: asked again, it is answered anew
	}
	f := postgres.Finish{Turn: t.stored(plan), Begins: t.isNew, Said: t.message, Answered: reply.Reply, Confirmed: confirmed}
	proposal := uuid.Nil
	if len(plan.Proposal) > 0 {
		id, err := uuid.NewV7()
		if err != nil {
			return replyBody{}, fmt.Errorf("make an id: %w", err)
		}
		proposal = id
		f.Proposal = &postgres.Proposal{ID: id, Operations: plan.Proposal, ExpiresAt: t.function.now().UTC().Add(chat.ProposalLife).Truncate(time.Second)}
		reply.Proposal = proposalBodyOf(*f.Proposal)
	}
	f.Remember = func(c chat.Context) chat.Context { return c.After(plan, o, proposal, seq) }
	var err error
	if f.Reply, err = json.Marshal(reply); err != nil {
		return replyBody{}, fmt.Errorf("encode reply: %w", err)
	}
	if err := t.store.Finish(context.WithoutCancel(ctx), f); err != nil {
		return replyBody{}, err
	}
	if reply.Proposal != nil {
		t.tell(eventProposal, *reply.Proposal)
	}
	return reply, nil
}

func proposalBodyOf(p postgres.Proposal) *proposalBody {
	body := &proposalBody{ID: p.ID, ExpiresAt: p.ExpiresAt}
	for _, op := range p.Operations {
		body.Operations = append(body.Operations, proposedBody{op.Op, op.Number, op.Title})
	}
	return body
}

// confirmed carries out a proposal: once, within its life, and only if all its
// todos are still as they were when it was made. Otherwise what is left of it
// is proposed anew.
func (t *turn) confirmed(ctx context.Context, id uuid.UUID) (replyBody, error) {
	p, err := t.store.Proposal(ctx, t.who.Account, id)
	switch {
	case err != nil:
		return replyBody{}, err
	case p.Used:
		return replyBody{}, fault.New(fault.Conflict, "this proposal was confirmed already: it is carried out once")
	case t.function.now().After(p.ExpiresAt):
		return replyBody{}, fault.New(fault.Conflict, "this proposal is too old to be confirmed: ask again")
	}
	if p.Conversation != t.conversation { // confirmed from elsewhere: the conversation is the proposal's
		t.conversation = p.Conversation
		if t.context, _, err = t.store.Open(ctx, t.who.Account, p.Conversation, false, ""); err != nil {
			return replyBody{}, err
		}
	}
	plan := chat.Confirmation(p.Operations)
	t.understood(plan)
	result, err := t.batch(ctx, "proposal:"+id.String(), p.Operations)
	switch kind := fault.KindOf(err); {
	case kind == fault.Stale || kind == fault.NotFound:
		return t.proposeAgain(ctx, p)
	case err != nil:
		return replyBody{}, err
	}
	o := chat.Outcome{Now: t.now(), Todos: result.Todos, Changed: changed(result)}
	actions, seq := actionsOf(p.Operations, o)
	t.acted(actions)
	return t.finish(ctx, plan, o, actions, seq, id)
}

// proposeAgain proposes what is left of a proposal whose todos have changed.
func (t *turn) proposeAgain(ctx context.Context, p postgres.Proposal) (replyBody, error) {
	present := make(map[string]todo.Todo, len(p.Operations))
	for _, op := range p.Operations {
		there, err := t.todos.Todo(ctx, t.who.Token, op.Ref)
		switch {
		case err == nil:
			present[op.Ref] = there
		case fault.KindOf(err) != fault.NotFound:
			return replyBody{}, err
		}
	}
	plan := chat.Repropose(p.Operations, present)
	return t.finish(ctx, plan, chat.Outcome{Now: t.now()}, nil, 0, p.ID)
}
