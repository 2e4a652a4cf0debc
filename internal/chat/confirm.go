package chat

import (
	"fmt"

	"github.com/todochat/todochat/internal/todo"
)

// Confirmation is the plan that carries out a proposal.
func Confirmation(ops []Operation) Plan {
	past := map[string]string{"delete": "Deleted", "complete": "Completed", "reopen": "Reopened", "update": "Changed"}
	verb := past[ops[0].Op]
	for _, op := range ops {
		if past[op.Op] != verb {
			verb = "Changed"
		}
	}
	text := fmt.Sprintf("%s %s: %s.", verb, plural(len(ops), "todo"), someNames(ops))
	return Plan{Interpreter: "rules", Operations: ops, Dismiss: true, Steps: []Step{{Kind: Say, Text: text}}}
}

// Repropose is the plan for a proposal whose todos have changed since: what is
// left of it, on their present versions.
func Repropose(ops []Operation, there []todo.Todo) Plan {
	present := make(map[string]todo.Todo, len(there))
	for _, t := range there {
		present[t.ID.String()] = t
	}
	plan := Plan{Interpreter: "rules", Dismiss: true}
	for _, op := range ops {
		t, ok := present[op.Ref]
		if !ok {
			continue
		}
		op.IfMatch, op.Number, op.Title = t.Version, t.Number, t.Title
		plan.Proposal = append(plan.Proposal, op)
	}
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
