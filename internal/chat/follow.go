package chat

import (
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/todo"
)

// Answer is what a message means as the answer to what the assistant said last.
type Answer int

// The answers.
const (
	NoAnswer Answer = iota
	Chosen          // one of the todos that a question offered
	Yes             // to a proposal
	No              // to a proposal or a question
)

// Follow reads a message as an answer to the open question or proposal. For
// Chosen it returns the intent that was asked about, with its todo.
func Follow(message string, c Context) (Answer, intent.Intent) {
	text := strings.ToLower(strings.Trim(strings.TrimSpace(message), `.!,"'`))
	open := c.Question != nil || c.Proposal != uuid.Nil
	switch {
	case open && isOneOf(text, "no", "nope", "no thanks", "cancel", "never mind", "nevermind", "don't", "stop", "neither", "none"):
		return No, intent.Intent{}
	case c.Proposal != uuid.Nil && c.Question == nil && isYes(text):
		return Yes, intent.Intent{}
	case c.Question == nil:
		return NoAnswer, intent.Intent{}
	}
	if number, ok := c.Question.choose(text); ok {
		chosen := c.Question.Intent
		chosen.Target = strconv.Itoa(number)
		return Chosen, chosen
	}
	return NoAnswer, intent.Intent{}
}

func isYes(text string) bool {
	return isOneOf(text, "yes", "y", "yep", "yeah", "yes please", "sure", "ok", "okay", "do it", "go ahead", "confirm", "please do", "yes, do it")
}

// choose returns the number of the one candidate that the answer names: by
// number, by its place, or by words.
func (q Question) choose(text string) (int, bool) {
	if len(q.Candidates) == 1 && isYes(text) {
		return q.Candidates[0].Number, true
	}
	t := readTarget(text)
	if t.number != 0 {
		for _, c := range q.Candidates {
			if c.Number == t.number {
				return c.Number, true
			}
		}
		t.position = t.number
	}
	switch {
	case t.position == -1:
		return q.Candidates[len(q.Candidates)-1].Number, true
	case t.position > 0 && t.position <= len(q.Candidates):
		return q.Candidates[t.position-1].Number, true
	case t.words == "":
		return 0, false
	}
	var named []todo.Todo
	for _, c := range q.Candidates {
		named = append(named, todo.Todo{Number: c.Number, Title: c.Title})
	}
	best, _, _ := match(t.words, intent.Update, named)
	if len(best) != 1 {
		return 0, false
	}
	return best[0].Number, true
}
