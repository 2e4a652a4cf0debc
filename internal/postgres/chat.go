package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/todochat/todochat/internal/chat"
	"github.com/todochat/todochat/internal/fault"
)

// ChatStore keeps conversations. It is another function's, with another role:
// it reaches no todo.
type ChatStore struct {
	pool *pgxpool.Pool
	now  func() time.Time
}

// NewChatStore returns a ChatStore over the pool that takes the time from now.
func NewChatStore(pool *pgxpool.Pool, now func() time.Time) *ChatStore {
	return &ChatStore{pool, asStored(now)}
}

// Turn is what one message led to.
type Turn struct {
	Account      uuid.UUID
	MessageID    string // empty: the message cannot come again
	Hash         []byte // of what was sent
	Conversation uuid.UUID
	Plan         chat.Plan
	Reply        []byte // JSON; nil until the plan is carried out
}

const selectTurn = `
	select hash, conversation_id, plan, reply from turns
	where account_id = $1 and message_id = $2`

// Open returns what is known before a message is read: what the conversation
// remembers, and the turn of the message id, if it was seen before. A
// conversation that is not there is fault.NotFound, unless it is new.
func (s *ChatStore) Open(ctx context.Context, account, conversation uuid.UUID, isNew bool, messageID string) (chat.Context, *Turn, error) {
	const selectContext = `select context from conversations where account_id = $1 and id = $2`
	var c chat.Context
	var turn *Turn
	b := &pgx.Batch{}
	if messageID != "" {
		b.Queue(selectTurn, account, messageID).QueryRow(func(row pgx.Row) (err error) {
			turn, err = scanTurn(row, account, messageID)
			return err
		})
	}
	if !isNew {
		b.Queue(selectContext, account, conversation).QueryRow(func(row pgx.Row) error {
			return orNoConversation(scanJSON(row, &c))
		})
	}
	if b.Len() == 0 {
		return c, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return chat.Context{}, nil, fmt.Errorf("open conversation: %w", translate(err))
	}
	return c, turn, nil
}

func scanTurn(row pgx.Row, account uuid.UUID, messageID string) (*Turn, error) {
	t := Turn{Account: account, MessageID: messageID}
	var plan []byte
	err := row.Scan(&t.Hash, &t.Conversation, &plan, &t.Reply)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(plan, &t.Plan); err != nil {
		return nil, fmt.Errorf("decode plan: %w", err)
	}
	return &t, nil
}

func scanJSON(row pgx.Row, out any) error {
	var b []byte
	if err := row.Scan(&b); err != nil {
		return err
	}
	return json.Unmarshal(b, out)
}

// Decide stores what a message id stands for, before it is acted upon, and
// returns what is stored: the first of two that come at the same time wins.
func (s *ChatStore) Decide(ctx context.Context, t Turn) (*Turn, error) {
	const insertTurn = `
		insert into turns (account_id, message_id, hash, conversation_id, plan, at)
		values ($1, $2, $3, $4, $5, $6) on conflict do nothing`
	plan, err := json.Marshal(t.Plan)
	if err != nil {
		return nil, fmt.Errorf("encode plan: %w", err)
	}
	var stored *Turn
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	b := &pgx.Batch{}
	b.Queue(insertTurn, t.Account, t.MessageID, t.Hash, t.Conversation, rawJSON(plan), s.now())
	b.Queue(selectTurn, t.Account, t.MessageID).QueryRow(func(row pgx.Row) (err error) {
		stored, err = scanTurn(row, t.Account, t.MessageID)
		return err
	})
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("store plan: %w", translate(err))
	}
	if stored == nil { // the other turn was stored after our statement's snapshot
		return s.turn(ctx, t.Account, t.MessageID)
	}
	return stored, nil
}

func (s *ChatStore) turn(ctx context.Context, account uuid.UUID, messageID string) (*Turn, error) {
	t, err := scanTurn(s.pool.QueryRow(ctx, selectTurn, account, messageID), account, messageID)
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", translate(err))
	}
	return t, nil
}

// Proposal is a set of operations that wait for a confirmation.
type Proposal struct {
	ID           uuid.UUID
	Conversation uuid.UUID
	Operations   []chat.Operation
	ExpiresAt    time.Time
	Used         bool
}

// Finish stores what a turn came to: both messages, what the conversation
// remembers now, the reply to a message id, and what was proposed or confirmed.
type Finish struct {
	Turn
	Begins    bool   // the conversation, unless an earlier try did
	Said      string // by the person; empty for a confirmation by button
	Answered  string
	Remember  func(chat.Context) chat.Context // what the conversation remembers now, of what it remembered
	Proposal  *Proposal                       // made in this turn
	Confirmed uuid.UUID                       // used in this turn

	plain bool // without the answer beside its text
}

const (
	insertConversation = `
		insert into conversations (account_id, id, title, created_at, updated_at)
		values ($1, $2, $3, $4, $4) on conflict (account_id, id) do nothing`

	lockContext = `select context from conversations where account_id = $1 and id = $2 for no key update`

	// One that was begun without a title is called by what is said first.
	updateContext = `
		update conversations set context = $3, updated_at = $4, title = case when title = '' then $5 else title end
		where account_id = $1 and id = $2`

	upsertTurn = `
		insert into turns (account_id, message_id, hash, conversation_id, plan, reply, at)
		values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (account_id, message_id) do update set reply = excluded.reply where turns.reply is null`

	insertMessage = `
		insert into messages (account_id, conversation_id, id, role, text, at, reply)
		values ($1, $2, $3, $4, $5, $6, $7)`

	insertPlainMessage = `
		insert into messages (account_id, conversation_id, id, role, text, at)
		values ($1, $2, $3, $4, $5, $6)`

	insertProposal = `
		insert into proposals (account_id, id, conversation_id, operations, expires_at)
		values ($1, $2, $3, $4, $5)`

	useProposal = `update proposals set used_at = $3 where account_id = $1 and id = $2 and used_at is null`
)

// Finish stores the end of a turn, in one transaction. What the conversation
// remembers is read under a lock: turns at the same time keep each other's acts.
func (s *ChatStore) Finish(ctx context.Context, f Finish) error {
	ctx, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		now := s.now()
		var remembered chat.Context
		b := &pgx.Batch{}
		if f.Begins {
			b.Queue(insertConversation, f.Account, f.Conversation, titleOf(f.Said), now)
		}
		b.Queue(lockContext, f.Account, f.Conversation).QueryRow(func(row pgx.Row) error { return scanJSON(row, &remembered) })
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		b, err := f.statements(f.Remember(remembered), now)
		if err != nil {
			return err
		}
		return tx.SendBatch(ctx, b).Close()
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows): // it was deleted meanwhile, and stays so
		return nil
	case isBehind(err) && !f.plain: // the schema is not there yet that keeps answers
		f.plain = true
		return s.Finish(ctx, f)
	case err != nil:
		return fmt.Errorf("store turn: %w", translate(err))
	}
	return nil
}

// isBehind reports whether the schema is that of earlier code: for the moments
// until the migrations are through.
func isBehind(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == "42703" // undefined_column
}

// statements are the writes of a turn.
func (f Finish) statements(remembered chat.Context, now time.Time) (*pgx.Batch, error) {
	b := &pgx.Batch{}
	context, err := json.Marshal(remembered)
	if err != nil {
		return nil, fmt.Errorf("encode context: %w", err)
	}
	b.Queue(updateContext, f.Account, f.Conversation, rawJSON(context), now, titleOf(f.Said))
	if f.MessageID != "" {
		plan, err := json.Marshal(f.Plan)
		if err != nil {
			return nil, fmt.Errorf("encode plan: %w", err)
		}
		b.Queue(upsertTurn, f.Account, f.MessageID, f.Hash, f.Conversation, rawJSON(plan), rawJSON(f.Reply), now)
	}
	for _, m := range []struct {
		role, text string
		reply      rawJSON
	}{{"user", f.Said, nil}, {"assistant", f.Answered, f.Reply}} {
		if m.text == "" {
			continue
		}
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("make an id: %w", err)
		}
		if f.plain {
			b.Queue(insertPlainMessage, f.Account, f.Conversation, id, m.role, m.text, now)
			continue
		}
		b.Queue(insertMessage, f.Account, f.Conversation, id, m.role, m.text, now, m.reply)
	}
	if p := f.Proposal; p != nil {
		operations, err := json.Marshal(p.Operations)
		if err != nil {
			return nil, fmt.Errorf("encode proposal: %w", err)
		}
		b.Queue(insertProposal, f.Account, p.ID, f.Conversation, rawJSON(operations), p.ExpiresAt)
	}
	if f.Confirmed != uuid.Nil {
		b.Queue(useProposal, f.Account, f.Confirmed, now)
	}
	return b, nil
}

// titleOf names a conversation by its first message.
func titleOf(said string) string {
	const most = 60
	runes := []rune(strings.Join(strings.Fields(said), " "))
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:most-1]) + "…"
}

// Proposal returns the account's proposal, or fault.NotFound.
func (s *ChatStore) Proposal(ctx context.Context, account, id uuid.UUID) (Proposal, error) {
	const query = `
		select conversation_id, operations, expires_at, used_at is not null from proposals
		where account_id = $1 and id = $2`
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	p := Proposal{ID: id}
	var operations []byte
	err := s.pool.QueryRow(ctx, query, account, id).Scan(&p.Conversation, &operations, &p.ExpiresAt, &p.Used)
	if errors.Is(err, pgx.ErrNoRows) {
		return Proposal{}, fault.New(fault.NotFound, "there is no such proposal")
	}
	if err != nil {
		return Proposal{}, fmt.Errorf("read proposal: %w", translate(err))
	}
	if err := json.Unmarshal(operations, &p.Operations); err != nil {
		return Proposal{}, fmt.Errorf("decode proposal: %w", err)
	}
	p.ExpiresAt = p.ExpiresAt.UTC()
	return p, nil
}
