// Package todo knows what a todo is and what may be done with it: types and
// rules, no I/O.
//
// Every write of an account takes the next numbers of that account's own
// sequence. Decide is the one place where operations become changes; a store
// only reads what Decide needs and writes what it says.
package todo

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
)

// Limits of what a person may store, in characters where text is meant.
const (
	MaxTitle       = 255
	MaxDescription = 10_000
	MaxTags        = 20
	MaxTag         = 50
	MaxOperations  = 1_000 // in one request
)

// Status says whether a todo is done.
type Status string

// The statuses.
const (
	Pending   Status = "pending"
	Completed Status = "completed"
)

// Priority says how much a todo matters.
type Priority string

// The priorities.
const (
	Low    Priority = "low"
	Medium Priority = "medium"
	High   Priority = "high"
)

// Todo is one thing to be done, as its owner sees it on the wire.
type Todo struct {
	ID          uuid.UUID  `json:"id"`
	Number      int        `json:"number"` // the account's own short number: never changed, never reused
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Status      Status     `json:"status"`
	Priority    Priority   `json:"priority"`
	Due         Due        `json:"due"`
	Tags        []string   `json:"tags"`
	Version     int64      `json:"version"` // the seq of its last change
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
	CompletedAt *time.Time `json:"completed_at"`
}

// Due is when a todo should be done: a day, a moment, or (zero) neither.
type Due struct {
	On time.Time // a day, as its midnight in UTC
	At time.Time // a moment, in UTC
}

const dayLayout = time.DateOnly

// ParseDue reads "2026-02-01" (a day) or an RFC 3339 time (a moment).
func ParseDue(s string) (Due, error) {
	if day, err := time.Parse(dayLayout, s); err == nil && inRange(day) {
		return Due{On: day}, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, s); err == nil && inRange(at.UTC()) {
		return Due{At: at.UTC().Truncate(time.Microsecond)}, nil
	}
	return Due{}, fault.New(fault.Invalid,
		"a due date is a day such as 2026-02-01 or a moment such as 2026-02-01T17:00:00Z, between the years 1 and 9999")
}

func inRange(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 && !t.IsZero() }

// IsNone reports whether nothing is due. (It is not called IsZero: omitzero would
// then drop the null that clears a due date in a patch.)
func (d Due) IsNone() bool { return d.On.IsZero() && d.At.IsZero() }

func (d Due) String() string {
	switch {
	case !d.On.IsZero():
		return d.On.Format(dayLayout)
	case !d.At.IsZero():
		return d.At.Format(time.RFC3339Nano)
	}
	return ""
}

func (d Due) equal(o Due) bool { return d.On.Equal(o.On) && d.At.Equal(o.At) }

// MarshalJSON writes a day, a moment or null.
func (d Due) MarshalJSON() ([]byte, error) {
	if d.IsNone() {
		return []byte("null"), nil
	}
	return []byte(`"` + d.String() + `"`), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (d *Due) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		*d = Due{}
		return nil
	}
	s, err := strconv.Unquote(string(data))
	if err != nil {
		return fault.New(fault.Invalid, "a due date is a string or null")
	}
	*d, err = ParseDue(s)
	return err
}

// Ref names a todo by its id or by its number; exactly one is set.
type Ref struct {
	ID     uuid.UUID `json:"id,omitzero"`
	Number int       `json:"number,omitzero"`
}

// ParseRef reads a todo's id or number, as a string.
func ParseRef(s string) (Ref, error) {
	if number, err := strconv.ParseInt(s, 10, 32); err == nil && number > 0 && s[0] != '+' && s[0] != '0' {
		return Ref{Number: int(number)}, nil
	}
	if id, err := uuid.Parse(s); err == nil && len(s) == 36 {
		return Ref{ID: id}, nil
	}
	return Ref{}, fault.New(fault.Invalid, "a todo is named by its id (a UUID) or its number (1, 2, …)")
}

func (r Ref) String() string {
	if r.Number != 0 {
		return "#" + strconv.Itoa(r.Number)
	}
	return r.ID.String()
}

// Content is what a person decides about a todo.
type Content struct {
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Status      Status   `json:"status"`
	Priority    Priority `json:"priority"`
	Due         Due      `json:"due"`
	Tags        []string `json:"tags"`
}

// NewContent is the content of a new todo of which only the title is known.
func NewContent(title string) Content {
	return Content{Title: title, Status: Pending, Priority: Medium}
}

func (c Content) equal(o Content) bool {
	return c.Title == o.Title && c.Description == o.Description && c.Status == o.Status &&
		c.Priority == o.Priority && c.Due.equal(o.Due) && slices.Equal(c.Tags, o.Tags)
}

// normal returns the content with each tag once, or says what is not allowed;
// locations are the members' names.
func (c Content) normal() (Content, error) {
	var fields []fault.Field
	refuse := func(location, format string, args ...any) {
		fields = append(fields, fault.Field{Location: location, Message: fmt.Sprintf(format, args...)})
	}
	switch n := utf8.RuneCountInString(c.Title); {
	case strings.TrimSpace(c.Title) == "":
		refuse("title", "a title must say something")
	case n > MaxTitle:
		refuse("title", "a title has at most %d characters", MaxTitle)
	case !isText(c.Title, ""):
		refuse("title", "a title is one line without control characters")
	}
	if utf8.RuneCountInString(c.Description) > MaxDescription {
		refuse("description", "a description has at most %d characters", MaxDescription)
	} else if !isText(c.Description, "\n\r\t") {
		refuse("description", "a description has no control characters other than line breaks and tabs")
	}
	if c.Status != Pending && c.Status != Completed {
		refuse("status", "a status is pending or completed")
	}
	if c.Priority != Low && c.Priority != Medium && c.Priority != High {
		refuse("priority", "a priority is low, medium or high")
	}
	tags := make([]string, 0, len(c.Tags))
	for i, tag := range c.Tags {
		switch {
		case strings.TrimSpace(tag) == "" || !isText(tag, "") || utf8.RuneCountInString(tag) > MaxTag:
			refuse(fmt.Sprintf("tags[%d]", i), "a tag has 1 to %d characters, none of them a control character", MaxTag)
		case !slices.Contains(tags, tag):
			tags = append(tags, tag)
		}
	}
	if len(tags) > MaxTags {
		refuse("tags", "a todo has at most %d tags", MaxTags)
	}
	if len(fields) > 0 {
		return Content{}, &fault.Error{Kind: fault.Invalid, Detail: fields[0].Message, Fields: fields}
	}
	c.Tags = tags
	return c, nil
}

// IsText reports whether s is one line of valid UTF-8 without control characters.
func IsText(s string) bool { return isText(s, "") }

// isText is IsText with some control characters allowed.
func isText(s, allowed string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && !strings.ContainsRune(allowed, r)
	})
}

// content returns what a person decided about t.
func (t Todo) content() Content {
	return Content{t.Title, t.Description, t.Status, t.Priority, t.Due, t.Tags}
}

// equal reports whether both are the same but for version and updated_at.
func (t Todo) equal(o Todo) bool {
	sameTime := t.CompletedAt == nil && o.CompletedAt == nil ||
		t.CompletedAt != nil && o.CompletedAt != nil && t.CompletedAt.Equal(*o.CompletedAt)
	return t.ID == o.ID && t.Number == o.Number && t.CreatedAt.Equal(o.CreatedAt) && sameTime && t.content().equal(o.content())
}

// with returns t holding c, completed or reopened at now if c says so. The
// first time of completion stands as long as it stays completed.
func (t Todo) with(c Content, now time.Time) Todo {
	switch {
	case c.Status == Pending:
		t.CompletedAt = nil
	case t.CompletedAt == nil:
		t.CompletedAt = &now
	}
	t.Title, t.Description, t.Status, t.Priority, t.Due, t.Tags = c.Title, c.Description, c.Status, c.Priority, c.Due, c.Tags
	return t
}

// Patch changes some members: nil leaves a member as it is.
type Patch struct {
	Title       *string   `json:"title,omitzero"`
	Description *string   `json:"description,omitzero"`
	Status      *Status   `json:"status,omitzero"`
	Priority    *Priority `json:"priority,omitzero"`
	Due         *Due      `json:"due,omitzero"` // a zero Due clears it
	Tags        *[]string `json:"tags,omitzero"`
}

// apply returns c with the members that p sets.
func (p Patch) apply(c Content) Content {
	set(&c.Title, p.Title)
	set(&c.Description, p.Description)
	set(&c.Status, p.Status)
	set(&c.Priority, p.Priority)
	set(&c.Due, p.Due)
	set(&c.Tags, p.Tags)
	return c
}

func set[T any](member, value *T) {
	if value != nil {
		*member = *value
	}
}
