package chat

import (
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/todo"
)

// mostActs is how many acts undo can take back, one after the other.
const mostActs = 20

// After returns what the conversation remembers once the plan is carried out:
// proposal is the id of what it proposed, seq one of its act.
func (c Context) After(p Plan, o Outcome, proposal uuid.UUID, seq int64) Context {
	// What is asked or proposed waits for the very next message: a later "yes"
	// may be to anything.
	c.Question, c.Proposal = p.Question, proposal
	if p.Undo != 0 && len(c.Acts) > 0 {
		c.Acts = c.Acts[:len(c.Acts)-1]
		c.It = 0
		if len(o.Undone) == 1 {
			c.It = o.Undone[0].Number
		}
	}
	if seq != 0 {
		c.Acts = append(append([]int64(nil), c.Acts...), seq)
		c.Acts = c.Acts[max(0, len(c.Acts)-mostActs):]
	}
	for i, t := range o.Todos {
		if p.Operations[i].Op != "delete" {
			c.It = t.Number
		} else if c.It == t.Number {
			c.It = 0
		}
	}
	if n := len(o.Lists); n > 0 {
		c.Shown = numbers(o.Lists[n-1].Todos)
		if len(c.Shown) == 1 {
			c.It = c.Shown[0]
		}
	}
	return c
}

func numbers(todos []todo.Todo) []int {
	out := make([]int, len(todos))
	for i, t := range todos {
		out[i] = t.Number
	}
	return out
}
