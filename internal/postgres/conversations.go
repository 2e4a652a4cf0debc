package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/internal/chat"
	"github.com/todochat/todochat/internal/fault"
)

func scanConversation(row pgx.CollectableRow) (c chat.Conversation, err error) {
	err = row.Scan(&c.ID, &c.Title, &c.CreatedAt, &c.UpdatedAt)
	c.CreatedAt, c.UpdatedAt = c.CreatedAt.UTC(), c.UpdatedAt.UTC()
	return c, err
}

// Conversations returns up to limit of the account's conversations, those of
// late first: the first ones, or those after a place. next is nil on the last
// page.
func (s *ChatStore) Conversations(ctx context.Context, account uuid.UUID, after *chat.Place, limit int) (page []chat.Conversation, next *chat.Place, err error) {
	const query = `
		select id, title, created_at, updated_at from conversations
		where account_id = $1 and ($2::timestamptz is null or (updated_at, id) < ($2, $3))
		order by updated_at desc, id desc limit $4`
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	var at any
	var id uuid.UUID
	if after != nil {
		at, id = after.UpdatedAt, after.ID
	}
	rows, err := s.pool.Query(ctx, query, account, at, id, limit+1)
	if err == nil {
		page, err = pgx.CollectRows(rows, scanConversation)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list conversations: %w", translate(err))
	}
	if len(page) > limit {
		page = page[:limit]
		next = &chat.Place{UpdatedAt: page[limit-1].UpdatedAt, ID: page[limit-1].ID}
	}
	return page, next, nil
}

// Conversation returns one of the account's conversations, or fault.NotFound.
func (s *ChatStore) Conversation(ctx context.Context, account, id uuid.UUID) (chat.Conversation, error) {
	const query = `select id, title, created_at, updated_at from conversations where account_id = $1 and id = $2`
	return s.oneConversation(ctx, "read", query, account, id)
}

// Begin makes a conversation in which nothing has been said.
func (s *ChatStore) Begin(ctx context.Context, account, id uuid.UUID, title string) (chat.Conversation, error) {
	const query = `
		insert into conversations (account_id, id, title, created_at, updated_at)
		values ($1, $2, $3, $4, $4) returning id, title, created_at, updated_at`
	return s.oneConversation(ctx, "begin", query, account, id, title, s.now())
}

// Rename gives a conversation a title, or returns fault.NotFound.
func (s *ChatStore) Rename(ctx context.Context, account, id uuid.UUID, title string) (chat.Conversation, error) {
	const query = `
		update conversations set title = $3 where account_id = $1 and id = $2
		returning id, title, created_at, updated_at`
	return s.oneConversation(ctx, "rename", query, account, id, title)
}

func (s *ChatStore) oneConversation(ctx context.Context, verb, query string, args ...any) (chat.Conversation, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	rows, err := s.pool.Query(ctx, query, args...)
	var c chat.Conversation
	if err == nil {
		c, err = pgx.CollectExactlyOneRow(rows, scanConversation)
	}
	if err != nil {
		return chat.Conversation{}, fmt.Errorf("%s conversation: %w", verb, translate(orNoConversation(err)))
	}
	return c, nil
}

// selectMessages has the newest first.
const selectMessages = `
	select m.id, m.role, m.text, m.at, m.reply,
		exists (select from proposals p where p.account_id = m.account_id
			and p.id = (m.reply->'proposal'->>'id')::uuid and p.used_at is not null)
	from messages m where m.account_id = $1 and m.conversation_id = $2 and ($3::uuid is null or m.id < $3)
	order by m.id desc limit $4`

func scanMessage(row pgx.CollectableRow) (m chat.Message, err error) {
	err = row.Scan(&m.ID, &m.Role, &m.Text, &m.At, &m.Reply, &m.Used)
	m.At = m.At.UTC()
	return m, err
}

// Messages returns up to limit messages of a conversation, oldest first: the
// last ones, or those before a message. more reports whether there are older ones.
func (s *ChatStore) Messages(ctx context.Context, account, conversation uuid.UUID, before *uuid.UUID, limit int) (page []chat.Message, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	rows, err := s.pool.Query(ctx, selectMessages, account, conversation, before, limit+1)
	if err == nil {
		page, err = pgx.CollectRows(rows, scanMessage)
	}
	if err != nil {
		return nil, false, fmt.Errorf("read messages: %w", translate(err))
	}
	if len(page) > limit {
		page, more = page[:limit], true
	}
	slices.Reverse(page)
	return page, more, nil
}

// LastSaid returns the role and text of the last messages of a conversation,
// oldest first.
func (s *ChatStore) LastSaid(ctx context.Context, account, conversation uuid.UUID, limit int) ([]chat.Message, error) {
	const query = `
		select role, text from messages where account_id = $1 and conversation_id = $2
		order by id desc limit $3`
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	rows, err := s.pool.Query(ctx, query, account, conversation, limit)
	var said []chat.Message
	if err == nil {
		said, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m chat.Message, err error) {
			return m, row.Scan(&m.Role, &m.Text)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read what was said last: %w", translate(err))
	}
	slices.Reverse(said)
	return said, nil
}

const (
	// What a message id stands for goes with its conversation: it holds what
	// was said. Acting again under that id is the todo function's to refuse.
	forgetTurns = `delete from turns where account_id = $1 and conversation_id = $2`

	deleteConversation = `delete from conversations where account_id = $1 and id = $2`
)

// DeleteConversation deletes a conversation with all that was said in it, or
// returns fault.NotFound.
func (s *ChatStore) DeleteConversation(ctx context.Context, account, id uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		deleted, err := tx.Exec(ctx, deleteConversation, account, id)
		if err == nil && deleted.RowsAffected() == 0 {
			err = orNoConversation(pgx.ErrNoRows)
		}
		if err == nil {
			_, err = tx.Exec(ctx, forgetTurns, account, id)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("delete conversation: %w", translate(err))
	}
	return nil
}

// Forget deletes all that is kept about an account. It is no error if there is
// nothing.
func (s *ChatStore) Forget(ctx context.Context, account uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, commitTime)
	defer cancel()
	b := &pgx.Batch{}
	for _, statement := range []string{
		`delete from turns where account_id = $1`,
		`delete from conversations where account_id = $1`, // messages and proposals go with them
	} {
		b.Queue(statement, account)
	}
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("forget an account: %w", translate(err))
	}
	return nil
}

var errNoConversation = fault.New(fault.NotFound, "there is no such conversation: leave conversation_id out to begin one")

func orNoConversation(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return errNoConversation
	}
	return err
}
