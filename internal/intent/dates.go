package intent

import (
	"time"

	"github.com/todochat/todochat/internal/fault"
)

// When is what a due phrase stands for: a day, or an instant. Exactly one is
// set, unless the When is zero.
type When struct {
	Day string    // a calendar day, "2026-02-01"
	At  time.Time // an instant, in the zone of the person
}

// IsZero reports that neither is set.
func (w When) IsZero() bool { return w.Day == "" && w.At.IsZero() }

const dueForms = `I do not know which day that is. Try "tomorrow", "next friday", "3 may", "in 3 days", ` +
	`"end of the month", "2026-02-01" or "tomorrow at 5pm".`

// ResolveDue says which day or instant a due phrase means for someone whose
// clock shows now; now.Location() is their time zone. A phrase with a time of
// day gives At, any other gives Day. Of a span of days ("next week") the first
// day counts, or the last when the span has begun. A time of day without a day
// is the next such time.
//
// The error is a fault.Invalid that says which forms are understood.
//
// The grammar is in due.go, with its conventions. It is our own: of the two
// libraries that were tried, one costs every start of the process 170 ms and
// 45 MB, and the other reads "2026-02-01" as one minute past two and "8
// tonight" as eleven, because it takes what it knows and ignores the rest.
func ResolveDue(phrase string, now time.Time) (When, error) {
	m, err := resolve(phrase, now)
	if err != nil {
		return When{}, err
	}
	today := civil(now)
	switch {
	case m.wait > 0:
		return When{At: now.Add(m.wait).Truncate(time.Minute)}, nil
	case m.timed && m.from.IsZero():
		at := onClock(today, m.clock, now.Location())
		if !at.After(now) {
			at = onClock(today.AddDate(0, 0, 1), m.clock, now.Location())
		}
		return When{At: at}, nil
	case m.timed:
		return When{At: onClock(m.from, m.clock, now.Location())}, nil
	case m.from.Before(today) && !m.to.Before(today):
		return When{Day: m.to.Format(time.DateOnly)}, nil
	case m.from.Equal(today) && m.to.After(today):
		return When{Day: m.to.Format(time.DateOnly)}, nil
	}
	return When{Day: m.from.Format(time.DateOnly)}, nil
}

// ResolveRange says which days, both inclusive, a phrase in a filter covers.
// Unlike a due phrase, "friday" on a Friday is today: who asks what is due on
// Friday wants to see it.
func ResolveRange(phrase string, now time.Time) (from, to string, err error) {
	m, err := resolve(phrase, now)
	if err != nil {
		return "", "", err
	}
	today := civil(now)
	switch {
	case m.wait > 0:
		m.from = civil(now.Add(m.wait))
		m.to = m.from
	case m.from.IsZero():
		m.from, m.to = today, today
	case !m.exact && m.from.Equal(m.to) && m.from.Equal(today.AddDate(0, 0, 7)) && saysWeekday(phrase):
		m.from, m.to = today, today
	}
	return m.from.Format(time.DateOnly), m.to.Format(time.DateOnly), nil
}

// resolve reads a phrase that must be a moment from end to end: a date with
// words left over is not understood, rather than half understood.
func resolve(phrase string, now time.Time) (moment, error) {
	const longest = 200
	if len(phrase) > longest {
		return moment{}, fault.New(fault.Invalid, dueForms)
	}
	words, prep := trimDuePreposition(scan(phrase).tokens)
	if prep == "" {
		prep = "at" // the phrase comes without its preposition
	}
	for _, p := range []string{prep, "on"} {
		m, n := readMoment(words, civil(now), p)
		if n > 0 && n == len(words) && !m.vague {
			return m, nil
		}
	}
	return moment{}, fault.New(fault.Invalid, dueForms)
}

func saysWeekday(phrase string) bool {
	for _, k := range scan(phrase).tokens {
		if _, ok := weekdayOf(k.word, true); ok {
			return true
		}
	}
	return false
}

// civil returns the day that the clock shows, as midnight UTC: days are
// counted there, where each has 24 hours.
func civil(now time.Time) time.Time {
	y, m, d := now.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// onClock returns the instant at which the clocks of the zone show that time
// on that day. One that the clocks skip in spring moves on by the hour they
// skip, as time.Date has it.
func onClock(day time.Time, clock time.Duration, zone *time.Location) time.Time {
	y, m, d := day.Date()
	return time.Date(y, m, d, int(clock/time.Hour), int(clock%time.Hour/time.Minute), 0, 0, zone)
}
