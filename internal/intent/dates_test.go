package intent

import (
	"testing"
	"time"

	"github.com/todochat/todochat/internal/fault"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// thursday is 2026-01-29 at 15:00 in the zone.
func thursday(loc *time.Location) time.Time { return time.Date(2026, 1, 29, 15, 0, 0, 0, loc) }

func TestDuePhraseWithoutATimeIsADay(t *testing.T) {
	t.Parallel()
	days := map[string]string{
		"today": "2026-01-29", "tonight": "2026-01-29", "later today": "2026-01-29", "end of day": "2026-01-29", "this evening": "2026-01-29",
		"tomorrow": "2026-01-30", "tmrw": "2026-01-30", "Tomorrow": "2026-01-30", "tomorrow morning": "2026-01-30", "the day after tomorrow": "2026-01-31",
		"friday": "2026-01-30", "on friday": "2026-01-30", "fri": "2026-01-30", "this friday": "2026-01-30", "coming friday": "2026-01-30",
		"next friday": "2026-02-06", "friday next week": "2026-02-06", "thursday": "2026-02-05", "this thursday": "2026-01-29", "next thursday": "2026-02-05",
		"monday": "2026-02-02", "next monday": "2026-02-02", "sunday": "2026-02-01", "next sunday": "2026-02-08", "monday morning": "2026-02-02",
		"in 3 days": "2026-02-01", "in three days": "2026-02-01", "in a week": "2026-02-05", "in two weeks": "2026-02-12", "in a fortnight": "2026-02-12",
		"in a month": "2026-02-28", "in 2 months": "2026-03-29", "in a year": "2027-01-29", "in a couple of days": "2026-01-31", "3 days from now": "2026-02-01",
		"a week from monday": "2026-02-09", "two days after easter": "2026-04-07",
		"3 may": "2026-05-03", "may 3rd": "2026-05-03", "May 3": "2026-05-03", "the 3rd of may": "2026-05-03", "3rd of May 2027": "2027-05-03", "may 3, 2027": "2027-05-03",
		"2 jan": "2027-01-02", "jan 29": "2026-01-29", "28 january": "2027-01-28", "29 feb": "2028-02-29", "first of march": "2026-03-01", "the 1st of march": "2026-03-01",
		"15th": "2026-02-15", "the 15th": "2026-02-15", "the 29th": "2026-01-29", "the 31st": "2026-01-31", "the 30th": "2026-01-30",
		"2026-02-01": "2026-02-01", "2024-02-29": "2024-02-29", "13/2": "2026-02-13", "2/13": "2026-02-13", "24/12/2026": "2026-12-24", "24.12.2026": "2026-12-24", "5/5": "2026-05-05",
		"next week": "2026-02-02", "this week": "2026-02-01", "end of the week": "2026-02-01", "the weekend": "2026-01-31", "this weekend": "2026-01-31", "next weekend": "2026-02-07",
		"next month": "2026-02-01", "this month": "2026-01-31", "end of the month": "2026-01-31", "the end of the month": "2026-01-31", "end of month": "2026-01-31", "eom": "2026-01-31", "end of next month": "2026-02-28",
		"end of march": "2026-03-31", "beginning of next month": "2026-02-01", "middle of march": "2026-03-16", "end of the year": "2026-12-31", "next year": "2027-01-01", "march": "2026-03-01", "in march": "2026-03-01",
		"christmas": "2026-12-25", "christmas eve": "2026-12-24", "new year's eve": "2026-12-31", "easter": "2026-04-05", "after easter": "2026-04-06", "good friday": "2026-04-03", "halloween": "2026-10-31",
		"after the weekend": "2026-02-02", "after work": "2026-01-29",
	}
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Asia/Karachi"} {
		loc := zone(t, name)
		for phrase, want := range days {
			got, err := ResolveDue(phrase, thursday(loc))
			if err != nil || got.Day != want || !got.At.IsZero() {
				t.Errorf("ResolveDue(%q) in %s = %+v, %v, want %s", phrase, name, got, err, want)
			}
		}
	}
}

func TestDuePhraseWithATimeIsAnInstant(t *testing.T) {
	t.Parallel()
	instants := map[string]string{
		"tomorrow at 5pm": "2026-01-30 17:00", "tomorrow at 5": "2026-01-30 17:00", "5pm tomorrow": "2026-01-30 17:00", "tomorrow 17:30": "2026-01-30 17:30",
		"8 tonight": "2026-01-29 20:00", "tonight at 8": "2026-01-29 20:00", "8pm tonight": "2026-01-29 20:00", "at 8 in the evening": "2026-01-29 20:00",
		"noon": "2026-01-30 12:00", "midnight": "2026-01-30 00:00", "tomorrow at noon": "2026-01-30 12:00", "noon on friday": "2026-01-30 12:00",
		"5pm": "2026-01-29 17:00", "5 pm": "2026-01-29 17:00", "5:30pm": "2026-01-29 17:30", "5.30pm": "2026-01-29 17:30", "17:30": "2026-01-29 17:30", "3pm": "2026-01-30 15:00", "9am": "2026-01-30 09:00",
		"at 5": "2026-01-29 17:00", "5 o'clock": "2026-01-29 17:00", "half past 4": "2026-01-29 16:30", "quarter to 6": "2026-01-29 17:45",
		"next friday at 9": "2026-02-06 09:00", "friday 9am": "2026-01-30 09:00", "monday morning at 7": "2026-02-02 07:00", "monday at 7": "2026-02-02 19:00",
		"3 may at 14:00": "2026-05-03 14:00", "2026-02-01 at 10": "2026-02-01 10:00", "2026-02-01 10:15": "2026-02-01 10:15",
		"in 2 hours": "2026-01-29 17:00", "in an hour": "2026-01-29 16:00", "in half an hour": "2026-01-29 15:30", "in 90 minutes": "2026-01-29 16:30", "in an hour and a half": "2026-01-29 16:30",
		"12am": "2026-01-30 00:00", "12pm": "2026-01-30 12:00",
	}
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Asia/Karachi"} {
		loc := zone(t, name)
		for phrase, clock := range instants {
			want, err := time.ParseInLocation("2006-01-02 15:04", clock, loc)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ResolveDue(phrase, thursday(loc))
			if err != nil || !got.At.Equal(want) || got.Day != "" {
				t.Errorf("ResolveDue(%q) in %s = %+v, %v, want %v", phrase, name, got, err, want)
			}
		}
	}
}

func TestDueKeepsTheClockAcrossDaylightSaving(t *testing.T) {
	t.Parallel()
	berlin, york := zone(t, "Europe/Berlin"), zone(t, "America/New_York")
	for _, c := range []struct {
		phrase    string
		now, want time.Time
	}{
		// Berlin: clocks go from 2 to 3 on 2026-03-29, and back on 2026-10-25.
		{"tomorrow at 9am", time.Date(2026, 3, 28, 12, 0, 0, 0, berlin), time.Date(2026, 3, 29, 9, 0, 0, 0, berlin)},
		{"tomorrow at 9am", time.Date(2026, 10, 24, 12, 0, 0, 0, berlin), time.Date(2026, 10, 25, 9, 0, 0, 0, berlin)},
		{"in 24 hours", time.Date(2026, 3, 28, 12, 0, 0, 0, berlin), time.Date(2026, 3, 29, 13, 0, 0, 0, berlin)},
		{"tomorrow at 2:30am", time.Date(2026, 3, 28, 12, 0, 0, 0, berlin), time.Date(2026, 3, 29, 3, 30, 0, 0, berlin)},
		{"tomorrow at 9am", time.Date(2026, 3, 7, 23, 0, 0, 0, york), time.Date(2026, 3, 8, 9, 0, 0, 0, york)},
	} {
		got, err := ResolveDue(c.phrase, c.now)
		if err != nil || !got.At.Equal(c.want) {
			t.Errorf("ResolveDue(%q) at %v = %v, %v, want %v", c.phrase, c.now, got.At, err, c.want)
		}
	}
	for day := range 400 {
		now := time.Date(2026, 1, 1, 0, 5, 0, 0, berlin).AddDate(0, 0, day)
		want := now.AddDate(0, 0, 1).Format(time.DateOnly)
		if got, err := ResolveDue("tomorrow", now); err != nil || got.Day != want {
			t.Errorf("tomorrow on %v = %v, %v, want %s", now, got, err, want)
		}
	}
}

func TestTomorrowIsTheDayOfTheZone(t *testing.T) {
	t.Parallel()
	instant := time.Date(2026, 5, 31, 20, 30, 0, 0, time.UTC)
	for name, want := range map[string]string{"Europe/Berlin": "2026-06-01", "America/New_York": "2026-06-01", "Asia/Karachi": "2026-06-02"} {
		if got, err := ResolveDue("tomorrow", instant.In(zone(t, name))); err != nil || got.Day != want {
			t.Errorf("tomorrow in %s = %v, %v, want %s", name, got, err, want)
		}
	}
}

func TestWhatIsNoDateIsRefused(t *testing.T) {
	t.Parallel()
	for _, phrase := range []string{
		"", " ", "whenever", "soon", "blue", "1/2", "31 february", "2026-02-30", "tomorrow or so maybe", "friday the milk", "99", "25:00", "13pm",
		"in days", "after the holidays", "the", "next", "end of", "in", "at", "every day", "\x80", "32nd", "in 99999 days",
	} {
		got, err := ResolveDue(phrase, thursday(time.UTC))
		if fault.KindOf(err) != fault.Invalid || !got.IsZero() {
			t.Errorf("ResolveDue(%q) = %+v, %v, want an invalid fault", phrase, got, err)
		}
	}
}

func TestRangeCoversWholePeriods(t *testing.T) {
	t.Parallel()
	for phrase, want := range map[string][2]string{
		"today": {"2026-01-29", "2026-01-29"}, "tomorrow": {"2026-01-30", "2026-01-30"}, "yesterday": {"2026-01-28", "2026-01-28"},
		"sunday": {"2026-02-01", "2026-02-01"}, "thursday": {"2026-01-29", "2026-01-29"}, "next thursday": {"2026-02-05", "2026-02-05"},
		"this week": {"2026-01-26", "2026-02-01"}, "next week": {"2026-02-02", "2026-02-08"}, "last week": {"2026-01-19", "2026-01-25"},
		"the weekend": {"2026-01-31", "2026-02-01"}, "this month": {"2026-01-01", "2026-01-31"}, "next month": {"2026-02-01", "2026-02-28"},
		"march": {"2026-03-01", "2026-03-31"}, "in march": {"2026-03-01", "2026-03-31"}, "the next 3 days": {"2026-01-29", "2026-02-01"}, "next two weeks": {"2026-01-29", "2026-02-12"},
		"this year": {"2026-01-01", "2026-12-31"}, "3 may": {"2026-05-03", "2026-05-03"}, "tomorrow at 5pm": {"2026-01-30", "2026-01-30"},
		"noon": {"2026-01-29", "2026-01-29"}, "in 2 hours": {"2026-01-29", "2026-01-29"}, "in 10 hours": {"2026-01-30", "2026-01-30"},
	} {
		from, to, err := ResolveRange(phrase, thursday(zone(t, "Asia/Karachi")))
		if err != nil || from != want[0] || to != want[1] {
			t.Errorf("ResolveRange(%q) = %s, %s, %v, want %v", phrase, from, to, err, want)
		}
	}
	if _, _, err := ResolveRange("the other day", thursday(time.UTC)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a range that is none: %v, want an invalid fault", err)
	}
}

func FuzzResolveDue(f *testing.F) {
	f.Add("tomorrow at 5pm")
	f.Add("the 3rd of may 2027")
	f.Add("in an hour and a half")
	now := time.Date(2026, 1, 29, 15, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, phrase string) {
		got, err := ResolveDue(phrase, now)
		if err == nil && (got.Day == "") == got.At.IsZero() {
			t.Errorf("ResolveDue(%q) = %+v, want exactly one of day and instant", phrase, got)
		}
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("ResolveDue(%q): %v, want an invalid fault", phrase, err)
		}
	})
}
