package main

import (
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const instructions = `These tools keep the todo list of the person whose token you use; no other list is within reach.
A todo is named by ref: its number, as people say it ("3"), or its id (a UUID), as a string.
due is a day (2030-02-01), a moment (2030-02-01T17:00:00Z, RFC 3339) or null; filters such as "today" go by the person's own time zone.
Every write can be taken back with undo, which takes the version of the todo in the result, or the seq of any of its changes.
To be sure that a write happens once even if you have to repeat it, give it an idempotency_key and repeat it with the same.`

// tool is how an assistant sees an operation of the API.
type tool struct {
	name, title string
	route       string // the operation
	effect      effect
	description string
	tell        func(outcome) string // a short text of what came of it
}

// effect is what calling a tool does to the list.
type effect struct{ reads, destroys, repeatable bool }

var (
	reading  = effect{reads: true, repeatable: true}
	adding   = effect{}
	setting  = effect{repeatable: true} // loses nothing that a person wrote
	changing = effect{repeatable: true, destroys: true}
	anything = effect{destroys: true}
)

func (t tool) describe(input *huma.Schema) *mcp.Tool {
	outside := false
	return &mcp.Tool{
		Name: t.name, Title: t.title, Description: t.description, InputSchema: input,
		Annotations: &mcp.ToolAnnotations{
			Title: t.title, ReadOnlyHint: t.effect.reads, DestructiveHint: &t.effect.destroys,
			IdempotentHint: t.effect.repeatable, OpenWorldHint: &outside,
		},
	}
}

var tools = []tool{
	{
		"list_todos", "List todos", "GET /api/todos", reading,
		"Lists todos, newest first unless sorted otherwise, a page at a time: pass next_cursor as cursor, with the same filters, for the next page. " +
			"Filters narrow one another; total counts all pages. Use q to find a todo that was named by words.",
		tellPage,
	},
	{
		"read_todo", "Read a todo", "GET /api/todos/{ref}", reading,
		"Reads one todo. Its version is what if_match of a write takes.",
		tellTodo("This is todo #%d, at version %d."),
	},
	{
		"create_todo", "Create a todo", "POST /api/todos", adding,
		"Creates a todo. Only the title is needed; priority is medium unless you say otherwise.",
		tellTodo("Todo #%d is created. undo of seq %d takes it back."),
	},
	{
		"update_todo", "Change a todo", "PATCH /api/todos/{ref}", changing,
		"Changes the members of a todo that you send and leaves the others as they are. null puts a member back to its default: due null clears the due date. " +
			"tags replaces all tags.",
		tellTodo("Todo #%d is as you asked. undo of seq %d takes its last change back."),
	},
	{
		"complete_todo", "Complete a todo", "POST /api/todos/{ref}/complete", setting,
		"Marks a todo done. Completing it again changes nothing.",
		tellTodo("Todo #%d is completed. undo of seq %d takes its last change back."),
	},
	{
		"reopen_todo", "Reopen a todo", "POST /api/todos/{ref}/reopen", setting,
		"Marks a todo not done. Reopening it again changes nothing.",
		tellTodo("Todo #%d is pending. undo of seq %d takes its last change back."),
	},
	{
		"delete_todo", "Delete a todo", "DELETE /api/todos/{ref}", changing,
		"Deletes a todo and answers with it as it last was. undo, with the version of the result as seq, brings it back.",
		tellTodo("Todo #%d is deleted. undo of seq %d brings it back."),
	},
	{
		"undo", "Undo a change", "POST /api/changes/{seq}/undo", changing,
		"Takes back a write: all that it changed, also when it was a batch. seq is the version of the todo that a write answered with, " +
			"or the seq of any of its changes (see list_changes). Refused when one of the todos has changed since. An undo can be undone.",
		tellResult,
	},
	{
		"batch", "Do many operations at once", "POST /api/todos/batch", anything,
		"Does up to 1,000 operations in order: all of them, or none if one is refused. Prefer it to many single calls: one undo takes all of it back. " +
			`Each is one of {"op":"create","todo":{…}}, {"op":"update","ref":"3","patch":{…}} and {"op":"complete"|"reopen"|"delete","ref":"3"}.`,
		tellResult,
	},
	{
		"list_changes", "List changes", "GET /api/changes", reading,
		"Lists what was done to the todos, oldest first: each change with its seq, its kind, and the todo before and after. " +
			"seq of the answer is the account's last change; to see only the latest, pass a since that is a little less.",
		tellChanges,
	},
}

// outcome is what a text tells of an answer.
type outcome struct {
	Number     int              `json:"number"`
	Version    int64            `json:"version"`
	Todos      []jsontext.Value `json:"todos"`
	Total      int              `json:"total"`
	NextCursor string           `json:"next_cursor"`
	Changes    []struct {
		Seq int64 `json:"seq"`
	} `json:"changes"`
	Seq  int64 `json:"seq"`
	More bool  `json:"more"`
}

func tellTodo(format string) func(outcome) string {
	return func(o outcome) string { return fmt.Sprintf(format, o.Number, o.Version) }
}

func tellPage(o outcome) string {
	text := fmt.Sprintf("%d of %d todos.", len(o.Todos), o.Total)
	if o.NextCursor != "" {
		text += " There are more: pass next_cursor as cursor."
	}
	return text
}

func tellResult(o outcome) string {
	if len(o.Changes) == 0 {
		return "All was so already: nothing has changed."
	}
	return fmt.Sprintf("%d changes are made. undo of seq %d takes all of them back.", len(o.Changes), o.Changes[0].Seq)
}

func tellChanges(o outcome) string {
	text := fmt.Sprintf("%d changes; the last of the account is seq %d.", len(o.Changes), o.Seq)
	if o.More {
		text += " There are more: pass the last seq of these as since."
	}
	return text
}
