package chat

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
)

// Conversation is what a person and the assistant say to one another.
type Conversation struct {
	ID        uuid.UUID `json:"id"`
	Title     string    `json:"title" doc:"The first message, until it is renamed"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at" doc:"When something was last said"`
}

// MaxConversationTitle is in characters.
const MaxConversationTitle = 200

// CheckTitle returns a title without spaces around it, or fault.Invalid at the
// location.
func CheckTitle(title, location string) (string, error) {
	title = strings.TrimSpace(title)
	if title == "" || len([]rune(title)) > MaxConversationTitle || !todo.IsText(title) {
		return "", fault.InvalidField(location, "a conversation's title has 1 to 200 characters, without control characters")
	}
	return title, nil
}

// Message is one thing that was said.
type Message struct {
	ID    uuid.UUID
	Role  string // user or assistant
	Text  string
	At    time.Time
	Reply []byte // of the assistant: the whole answer as JSON; nil for what was said before answers were kept
	Used  bool   // what it proposed was confirmed
}

// Place is where a page of conversations ends: after the conversation with
// this last activity.
type Place struct {
	UpdatedAt time.Time
	ID        uuid.UUID
}

// String is the place as clients carry it: opaque to them.
func (p Place) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.UpdatedAt.UnixMicro(), 36) + "." + p.ID.String()))
}

// ParsePlace reads what String wrote, or returns fault.Invalid.
func ParsePlace(s string) (Place, error) {
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		at, id, _ := strings.Cut(string(text), ".")
		var micros int64
		if micros, err = strconv.ParseInt(at, 36, 64); err == nil {
			var p Place
			if p.ID, err = uuid.Parse(id); err == nil {
				p.UpdatedAt = time.UnixMicro(micros).UTC()
				if year := p.UpdatedAt.Year(); year >= 1 && year <= 9999 { // what a database takes
					return p, nil
				}
			}
		}
	}
	return Place{}, fault.InvalidField("query.cursor", "a cursor is the next_cursor of an earlier answer; leave it out to begin again")
}
