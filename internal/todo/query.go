package todo

import (
	"encoding/base64"
	"math"

	"github.com/go-json-experiment/json"

	"github.com/todochat/todochat/internal/fault"
)

// Sort is what a list is ordered by.
type Sort string

// The orders of a list. Each has a direction that people mean by it.
const (
	SortCreated  Sort = "created"  // newest first
	SortDue      Sort = "due"      // soonest first; what is never due comes last either way
	SortPriority Sort = "priority" // high first
	SortTitle    Sort = "title"    // A first
)

// DueFilter selects todos by when they are due, in the account's time zone.
type DueFilter string

// The filters by due date.
const (
	DueOverdue  DueFilter = "overdue"  // pending, and its day or moment is over
	DueToday    DueFilter = "today"    // due today
	DueUpcoming DueFilter = "upcoming" // due after today
	DueNone     DueFilter = "none"     // no due date
)

// Query says which todos are wanted. Zero members do not restrict.
type Query struct {
	Limit     int
	Cursor    Cursor
	Status    Status
	Priority  Priority
	Tag       string
	Search    string // words of the title, description or tags; typos are forgiven
	Due       DueFilter
	DueBefore Due // a day: due before it begins
	DueAfter  Due // a day: due after it has ended
	Sort      Sort
	Ascending bool
}

// Page is part of a list.
type Page struct {
	Todos []Todo
	Total int    // of all pages
	Next  Cursor // zero on the last page
	Seq   int64  // the account's last change that the page knows of
}

// Cursor is where a page of a list ended. It holds the sort key of the last
// todo shown, so that pages neither repeat nor skip what did not move.
type Cursor struct {
	Sort      Sort     `json:"s"`
	Ascending bool     `json:"a,omitzero"`
	Number    int      `json:"n"`
	Title     string   `json:"t,omitzero"`
	Priority  Priority `json:"p,omitzero"`
	Due       *int64   `json:"d,omitzero"` // microseconds since 1970; nil: never due
}

// IsZero reports whether the cursor stands before the first page.
func (c Cursor) IsZero() bool { return c.Number == 0 }

// String is the cursor as clients carry it: opaque to them.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	b, err := json.Marshal(c)
	if err != nil {
		return "" // a Cursor always encodes
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseCursor reads what String wrote for a list in the same order.
func ParseCursor(s string, sort Sort, ascending bool) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	var c Cursor
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &c, json.RejectUnknownMembers(true))
	}
	if err != nil || c.Number < 1 || c.Number > math.MaxInt32 || c.Sort != sort || c.Ascending != ascending ||
		(sort == SortPriority) != (c.Priority == Low || c.Priority == Medium || c.Priority == High) || !isText(c.Title, "") {
		return Cursor{}, fault.InvalidField("query.cursor",
			"a cursor is the next_cursor of an earlier answer to the same query; leave it out to begin again")
	}
	return c, nil
}
