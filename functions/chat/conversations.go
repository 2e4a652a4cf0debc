package main

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/chat"
	"github.com/todochat/todochat/internal/fault"
)

type conversationsInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" maxLength:"200" doc:"The next_cursor of the page before"`
}

type conversationsOutput struct {
	Body struct {
		Conversations []chat.Conversation `json:"conversations" nullable:"false" doc:"Those of late first"`
		NextCursor    *string             `json:"next_cursor" doc:"null on the last page"`
	}
}

func (f *function) listConversations(ctx context.Context, who account.Principal, in *conversationsInput) (*conversationsOutput, error) {
	var after *chat.Place
	if in.Cursor != "" {
		place, err := chat.ParsePlace(in.Cursor)
		if err != nil {
			return nil, err
		}
		after = &place
	}
	page, next, err := f.store.Conversations(ctx, who.Account, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &conversationsOutput{}
	out.Body.Conversations = page
	if next != nil {
		cursor := next.String()
		out.Body.NextCursor = &cursor
	}
	return out, nil
}

type conversationOutput struct{ Body chat.Conversation }

type beginInput struct {
	Body struct {
		Title string `json:"title,omitempty" maxLength:"200" doc:"Without it the first message gives one"`
	}
}

func (f *function) beginConversation(ctx context.Context, who account.Principal, in *beginInput) (*conversationOutput, error) {
	title := in.Body.Title
	if title != "" {
		var err error
		if title, err = chat.CheckTitle(title, "body.title"); err != nil {
			return nil, err
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	c, err := f.store.Begin(ctx, who.Account, id, title)
	return &conversationOutput{c}, err
}

// ConversationPath names a conversation. (huma fills embedded structs only if
// their types are exported.)
type ConversationPath struct {
	ID string `path:"id" format:"uuid" doc:"The conversation's id"`
}

func (p ConversationPath) id() (uuid.UUID, error) {
	id, err := uuid.Parse(p.ID)
	if err != nil {
		return uuid.Nil, fault.InvalidField("path.id", "this is the id of a conversation")
	}
	return id, nil
}

type readConversationInput struct {
	ConversationPath
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"200" doc:"The next_cursor of the page before: older messages"`
}

type readConversationOutput struct {
	Body struct {
		Conversation chat.Conversation `json:"conversation"`
		Messages     []messageBody     `json:"messages" nullable:"false" doc:"Oldest first: the last ones, or those before the cursor"`
		NextCursor   *string           `json:"next_cursor" doc:"Leads to older messages; null when there are none"`
	}
}

type messageBody struct {
	ID          uuid.UUID     `json:"id"`
	Role        string        `json:"role" enum:"user,assistant"`
	Text        string        `json:"text"`
	At          time.Time     `json:"at"`
	Actions     []actionBody  `json:"actions" nullable:"false" doc:"What the assistant did"`
	Proposal    *keptProposal `json:"proposal,omitempty" doc:"What it proposed"`
	Interpreter string        `json:"interpreter,omitempty"`
	Model       string        `json:"model,omitempty"`
}

// keptProposal is a proposal that was made before.
type keptProposal struct {
	ID         uuid.UUID      `json:"id"`
	Operations []proposedBody `json:"operations" nullable:"false"`
	ExpiresAt  time.Time      `json:"expires_at"`
	Used       bool           `json:"used" doc:"It was confirmed"`
}

func (f *function) readConversation(ctx context.Context, who account.Principal, in *readConversationInput) (*readConversationOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	var before *uuid.UUID
	if in.Cursor != "" {
		message, err := uuid.Parse(in.Cursor)
		if err != nil {
			return nil, fault.InvalidField("query.cursor", "a cursor is the next_cursor of an earlier answer; leave it out to begin again")
		}
		before = &message
	}
	out := &readConversationOutput{}
	if out.Body.Conversation, err = f.store.Conversation(ctx, who.Account, id); err != nil {
		return nil, err
	}
	messages, more, err := f.store.Messages(ctx, who.Account, id, before, in.Limit)
	if err != nil {
		return nil, err
	}
	out.Body.Messages = make([]messageBody, len(messages))
	for i, m := range messages {
		if out.Body.Messages[i], err = messageBodyOf(m); err != nil {
			return nil, err
		}
	}
	if more {
		oldest := messages[0].ID.String()
		out.Body.NextCursor = &oldest
	}
	return out, nil
}

func messageBodyOf(m chat.Message) (messageBody, error) {
	body := messageBody{ID: m.ID, Role: m.Role, Text: m.Text, At: m.At, Actions: []actionBody{}}
	if m.Reply == nil {
		return body, nil
	}
	var reply replyBody
	if err := json.Unmarshal(m.Reply, &reply); err != nil {
		return messageBody{}, fmt.Errorf("decode what was answered: %w", err)
	}
	body.Interpreter, body.Model = reply.Interpreter, reply.Model
	if reply.Actions != nil {
		body.Actions = reply.Actions
	}
	if p := reply.Proposal; p != nil {
		body.Proposal = &keptProposal{p.ID, p.Operations, p.ExpiresAt, m.Used}
	}
	return body, nil
}

type renameInput struct {
	ConversationPath
	Body struct {
		Title string `json:"title" maxLength:"200"`
	}
}

func (f *function) renameConversation(ctx context.Context, who account.Principal, in *renameInput) (*conversationOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	title, err := chat.CheckTitle(in.Body.Title, "body.title")
	if err != nil {
		return nil, err
	}
	c, err := f.store.Rename(ctx, who.Account, id, title)
	return &conversationOutput{c}, err
}

func (f *function) deleteConversation(ctx context.Context, who account.Principal, in *ConversationPath) (*struct{}, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	return nil, f.store.DeleteConversation(ctx, who.Account, id)
}

// forget deletes all that chat keeps about the account: the part of deleting an
// account that is chat's.
func (f *function) forget(ctx context.Context, who account.Principal, _ *struct{}) (*struct{}, error) {
	return nil, f.store.Forget(ctx, who.Account)
}
