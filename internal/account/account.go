// Package account knows who may act: accounts, sessions, passwords and tokens.
// Types and rules, no I/O.
package account

import (
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
)

// Limits, in characters.
const (
	MinPassword = 8
	MaxPassword = 128
	MaxName     = 100
	MaxEmail    = 254
)

// SessionLife is how long a session lasts after its last refresh.
const SessionLife = 30 * 24 * time.Hour

// Account is a person who keeps todos.
type Account struct {
	ID        uuid.UUID `json:"id"`
	Email     string    `json:"email"` // lower case
	Name      string    `json:"name"`
	TimeZone  string    `json:"time_zone"` // IANA name: decides when a day is over
	CreatedAt time.Time `json:"created_at"`
}

// Counts sums up an account's todos.
type Counts struct {
	Total     int `json:"total"`
	Pending   int `json:"pending"`
	Completed int `json:"completed"`
	Overdue   int `json:"overdue"`
}

// Principal is who asks: an account, in one of its sessions, or somebody who
// sends events and may speak for it.
type Principal struct {
	Account uuid.UUID
	Session uuid.UUID
	Sender  string // of an event, instead of a session
}

// Session is one sign-in. Its refresh token is made of this row and nothing
// else, so that it can be made again.
type Session struct {
	Account    uuid.UUID
	ID         uuid.UUID
	Generation int // of the refresh token
	RotatedAt  time.Time
	ExpiresAt  time.Time
	UserAgent  string
}

// NewSession begins a session at now.
func NewSession(account, id uuid.UUID, userAgent string, now time.Time) Session {
	now = now.UTC().Truncate(time.Second) // tokens count in seconds
	return Session{
		Account: account, ID: id, Generation: 1, RotatedAt: now, ExpiresAt: now.Add(SessionLife),
		UserAgent: clip(strings.ToValidUTF8(userAgent, ""), 200),
	}
}

func clip(s string, runes int) string {
	for i := range s {
		if runes == 0 {
			return s[:i]
		}
		runes--
	}
	return s
}

// New checks what a person signs up with and returns the account. Locations
// of what is refused are the members' names.
func New(id uuid.UUID, email, name, timeZone string, now time.Time) (Account, error) {
	a := Account{ID: id, CreatedAt: now.UTC().Truncate(time.Microsecond)}
	var err error
	if a.Email, err = ParseEmail(email); err != nil {
		return Account{}, err
	}
	if err := a.Rename(name); err != nil {
		return Account{}, err
	}
	if timeZone == "" {
		timeZone = "UTC"
	}
	if err := a.MoveTo(timeZone); err != nil {
		return Account{}, err
	}
	return a, nil
}

// Rename gives the account another name.
func (a *Account) Rename(name string) error {
	name = strings.TrimSpace(name)
	if name == "" || utf8.RuneCountInString(name) > MaxName || strings.ContainsFunc(name, unicode.IsControl) {
		return fault.InvalidField("name", "a name has 1 to 100 characters, none of them a control character")
	}
	a.Name = name
	return nil
}

// MoveTo gives the account another time zone.
func (a *Account) MoveTo(timeZone string) error {
	if _, err := time.LoadLocation(timeZone); err != nil || timeZone == "" || timeZone == "Local" {
		return fault.InvalidField("time_zone", "a time zone is an IANA name such as Europe/Berlin").Because(err)
	}
	a.TimeZone = timeZone
	return nil
}

// ParseEmail returns the address as accounts keep it: trimmed, in lower case.
func ParseEmail(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != s || len(s) > MaxEmail || strings.ContainsFunc(s, unicode.IsControl) {
		return "", fault.InvalidField("email", "an e-mail address looks like name@example.com").Because(err)
	}
	return s, nil
}

// CheckPassword says whether a password may be chosen. Length is all that
// counts: rules of composition make passwords worse.
func CheckPassword(password string) error {
	if n := utf8.RuneCountInString(password); n < MinPassword || n > MaxPassword {
		return fault.InvalidField("password", "a password has 8 to 128 characters")
	}
	return nil
}
