package chat

import (
	"fmt"

	"github.com/todochat/todochat/internal/todo"
)

// Confirmation is the plan that carries out a proposal.
func Confirmation(ops []Operation) Plan {
	past := map[string]string{"create": "Added", "delete": "Deleted", "complete": "Completed", "reopen": "Reopened", "update": "Changed"}
	verb := past[ops[0].Op]
	for _, op := range ops {
		if past[op.Op] != verb {
			verb = "Changed"
		}
	}
	text := fmt.Sprintf("%s %s: %s.", verb, plural(len(ops), "todo"), someNames(ops))
	return Plan{Interpreter: "rules", Operations: ops, Steps: []Step{{Kind: Say, Text: text}}}
}

// Repropose is the plan for a proposal whose todos have changed since: what is
// left of it, on their present versions. present has the todo of each ref that
// is still there.
func Repropose(ops []Operation, present map[string]todo.Todo) Plan {
	plan := Plan{Interpreter: "rules"}
	for _, op := range ops {
		t, ok := present[op.Ref]
		if !ok {
			continue
		}
		op.IfMatch, op.Number, op.Title = t.Version, t.Number, t.Title
		plan.Proposal = append(plan.Proposal, op)
	}
	plan.Proposal = tidy(plan.Proposal)
	text := "They are gone already: there is nothing left to do."
	if len(plan.Proposal) > 0 {
		text = "Your list has changed since I asked. " + proposalText(plan.Proposal)
	}
	plan.Steps = []Step{{Kind: Say, Text: text}}
	return plan
}

// QuestionText is what the plan asks.
func (p Plan) QuestionText() string {
	for _, s := range p.Steps {
		if s.Asks {
			return s.Text
		}
	}
	return ""
}

// someNames lists the first todos of operations by name, and counts the rest.
func someNames(ops []Operation) string {
	var names []string
	for _, op := range ops[:min(len(ops), mostOffered)] {
		names = append(names, label(Named{op.Number, op.Title}))
	}
	if more := len(ops) - mostOffered; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return listed(names, "and")
}
