// Package intent says what a message to the assistant means.
//
// An interpreter (the rule parser here, or a language model) turns a message
// into a list of Intents. Spans such as Title, Target and Due are copied from
// the message as they stand: no interpreter sees or invents ids, and none does
// date arithmetic. Code resolves both afterwards.
//
// Rules is the interpreter that is always there. Decode and Schema hold a model
// to the same contract, and Equal says whether two readings agree. ResolveDue
// and ResolveRange turn a Due into days and instants of the person's zone.
package intent

// Op is what the person wants done.
type Op string

// The operations.
const (
	Create      Op = "create"
	List        Op = "list" // also find, and yes/no questions about particular todos
	Complete    Op = "complete"
	Reopen      Op = "reopen"
	Update      Op = "update"
	Delete      Op = "delete"
	Undo        Op = "undo"
	Ask         Op = "ask"  // counting, ranking, summarising, planning
	Help        Op = "help" // how to use this
	Chat        Op = "chat" // small talk and the world outside
	Unsupported Op = "unsupported"
)

// Feature is what an Unsupported intent asks for.
type Feature string

// The features that are switched off.
const (
	Recurring    Feature = "recurring"
	Reminder     Feature = "reminder"
	Notification Feature = "notification"
	Sharing      Feature = "sharing"
	OtherFeature Feature = "other"
)

// Intent is one thing that a message asks for. Absent members are empty.
type Intent struct {
	Op       Op       `json:"op"`
	Target   string   `json:"target,omitempty"`   // digits, an ordinal word, "all", "it", or words that name a todo
	Title    string   `json:"title,omitempty"`    // what is to be done
	Due      string   `json:"due,omitempty"`      // the phrase of the date or time, without "on", "by", …
	Priority string   `json:"priority,omitempty"` // low, medium or high
	Tags     []string `json:"tags,omitempty"`     // without #
	Filter   *Filter  `json:"filter,omitempty"`
	Feature  Feature  `json:"feature,omitempty"`
}

// Filter narrows a List, or the todos that the target "all" stands for.
type Filter struct {
	Status   string `json:"status,omitempty"` // open, completed or all
	Due      string `json:"due,omitempty"`
	Priority string `json:"priority,omitempty"`
	Tag      string `json:"tag,omitempty"`
	Query    string `json:"query,omitempty"` // the words looked for
}
