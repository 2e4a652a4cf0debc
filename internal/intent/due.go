package intent

import (
	"strconv"
	"strings"
	"time"
)

// This file is the grammar of dates and times. One grammar serves both ends:
// the rule parser finds due phrases in a message with it, and dates.go resolves
// them, so what is found can be resolved.
//
// Conventions, wherever people differ:
//   - a week begins on Monday;
//   - "friday" is the coming Friday, never today; "this friday" may be today;
//   - "next friday" is the Friday of next week;
//   - a day and month already past mean next year;
//   - a bare hour from 1 to 7 is in the afternoon, later ones as they stand,
//     unless morning, evening or tonight says otherwise.

// A moment is what a phrase says, relative to a today.
type moment struct {
	from, to time.Time     // days at midnight UTC, both inclusive; zero when only a clock was said
	clock    time.Duration // since midnight, when timed
	timed    bool
	wait     time.Duration // "in 2 hours"
	exact    bool          // a year was said, or the day was: never moved to the future
	vague    bool          // a time, but nobody can say which
}

// reader walks over words and backtracks by resetting pos.
type reader struct {
	words []token
	pos   int
	today time.Time // midnight UTC
	prep  string    // what stood before the phrase: "at" lets "5" be an hour
}

// readMoment reads the longest moment that begins words, and returns how many
// words it took. The preposition that stood before it, if any, decides on
// words that are only sometimes dates, such as "may" or "5".
func readMoment(words []token, today time.Time, prep string) (moment, int) {
	if len(words) > 14 {
		words = words[:14] // no moment is longer
	}
	r := &reader{words: words, today: today, prep: prep}
	m, ok := r.moment()
	if !ok || r.next() == "'s" {
		return moment{}, 0
	}
	return m, r.pos
}

// next returns the word at the cursor, or "" at the end and at a quotation.
func (r *reader) next() string { return r.peek(0) }

func (r *reader) peek(n int) string {
	if r.pos+n >= len(r.words) {
		return ""
	}
	return r.words[r.pos+n].word
}

// take moves over one of the comma-separated phrases.
func (r *reader) take(phrases string) bool {
	n := phraseAt(r.words[r.pos:], phrases)
	r.pos += n
	return n > 0
}

// attempt runs a rule and restores the cursor when it does not hold.
func attempt[T any](r *reader, rule func() (T, bool)) (T, bool) {
	at := r.pos
	v, ok := rule()
	if !ok {
		r.pos = at
	}
	return v, ok
}

func (r *reader) moment() (moment, bool) {
	if r.take("after,right after,until after") {
		return r.afterwards()
	}
	if m, ok := attempt(r, r.fromNow); ok {
		return r.withClock(m), true
	}
	if r.take("in the morning,in the afternoon,in the evening,in the night") {
		return moment{from: r.today, to: r.today, exact: true}, true
	}
	if r.take("in,during,over") {
		r.prep = "in"
	}
	if m, ok := attempt(r, r.day); ok {
		return r.withClock(m), true
	}
	return attempt(r, r.clockThenDay)
}

// afterwards reads what follows "after": the day after a day, or an event.
func (r *reader) afterwards() (moment, bool) {
	if m, ok := attempt(r, r.day); ok {
		m.from = m.to.AddDate(0, 0, 1)
		m.to = m.from
		return m, true
	}
	r.take("the,my")
	if r.take("work,lunch,dinner,breakfast,school,class,supper,training,church,gym") {
		return r.only(r.today), true
	}
	if r.take("holidays,holiday,vacation,vacations,summer,winter,exams,exam,weekend,break,wedding,move,trip,semester") {
		return moment{vague: true}, true
	}
	if t, ok := attempt(r, r.clockTime); ok {
		return moment{clock: t.at, timed: true}, true
	}
	return moment{}, false
}

func (r *reader) only(day time.Time) moment { return moment{from: day, to: day} }

// fromNow reads "in 3 days", "2 weeks from now", "a week from monday".
func (r *reader) fromNow() (moment, bool) {
	in := r.take("in,within,in about,in another,in like")
	if in && r.take("half an hour,half hour") {
		return moment{wait: 30 * time.Minute, exact: true}, true
	}
	n, ok := r.count()
	if !ok {
		return moment{}, false
	}
	half := r.take("and a half")
	unit, ok := r.unit()
	if !ok {
		return moment{}, false
	}
	half = r.take("and a half") || half
	base := r.today
	switch {
	case in:
		r.take("time,from now")
	case r.take("from now,from today,later,out"):
	case r.take("from,after"):
		m, ok := r.day()
		if !ok {
			return moment{}, false
		}
		base = m.from
	case r.prep == "in" || r.prep == "within":
	default:
		return moment{}, false
	}
	return shift(base, n, half, unit), true
}

func shift(base time.Time, n int, half bool, unit string) moment {
	day := base
	switch unit {
	case "minute", "hour":
		d := time.Duration(n) * map[string]time.Duration{"minute": time.Minute, "hour": time.Hour}[unit]
		if half {
			d += map[string]time.Duration{"minute": 30 * time.Second, "hour": 30 * time.Minute}[unit]
		}
		return moment{wait: d, exact: true}
	case "day":
		day = base.AddDate(0, 0, n)
	case "week":
		day = base.AddDate(0, 0, 7*n)
		if half {
			day = day.AddDate(0, 0, 4)
		}
	case "fortnight":
		day = base.AddDate(0, 0, 14*n)
	case "month":
		day = addMonths(base, n)
	case "year":
		day = addMonths(base, 12*n)
	}
	return moment{from: day, to: day, exact: true}
}

// addMonths keeps the day of the month, or takes the last one there is.
func addMonths(day time.Time, n int) time.Time {
	first := time.Date(day.Year(), day.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(day.Day(), last)-1)
}

// count reads a number of things: 3, three, a, a couple of.
func (r *reader) count() (int, bool) {
	switch {
	case r.take("a couple of,a couple,couple of"):
		return 2, true
	case r.take("a few,few"):
		return 3, true
	case r.take("a,an,one"):
		return 1, true
	}
	if n := spelledNumber(r.next()); n > 0 {
		r.pos++
		return n, true
	}
	if r.pos < len(r.words) && isDigits(r.words[r.pos]) && len(r.next()) <= 4 {
		n, _ := strconv.Atoi(r.next())
		r.pos++
		return n, true
	}
	return 0, false
}

func spelledNumber(w string) int {
	for i, name := range [...]string{"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"} {
		if w == name {
			return i + 1
		}
	}
	return 0
}

func (r *reader) unit() (string, bool) {
	switch w := strings.TrimSuffix(r.next(), "s"); w {
	case "minute", "hour", "day", "week", "fortnight", "month", "year":
		r.pos++
		return w, true
	case "min":
		r.pos++
		return "minute", true
	case "hr":
		r.pos++
		return "hour", true
	case "wk":
		r.pos++
		return "week", true
	}
	return "", false
}

// day reads a day or a span of days, and the part of the day after it.
func (r *reader) day() (moment, bool) {
	rules := []func() (moment, bool){r.relativeDay, r.weekday, r.edge, r.calendarDay, r.period, r.numericDay, r.festival}
	for _, rule := range rules {
		if m, ok := attempt(r, rule); ok {
			return m, true
		}
	}
	return moment{}, false
}

func (r *reader) relativeDay() (moment, bool) {
	r.take("first thing,early,late,later")
	switch {
	case r.take("the day after tomorrow,day after tomorrow,overmorrow"):
		return r.exactly(2), true
	case r.take("tomorrow,the next day,the following day"):
		return r.exactly(1), true
	case r.take("today,tonight,this morning,this afternoon,this evening,this noon,later today"),
		r.take("end of day,end of the day,the end of the day,end of today,eod,cob,close of business"):
		return r.exactly(0), true
	case r.take("the day before yesterday,day before yesterday"):
		return r.exactly(-2), true
	case r.take("yesterday,last night"):
		return r.exactly(-1), true
	}
	return moment{}, false
}

func (r *reader) exactly(days int) moment {
	m := r.only(r.today.AddDate(0, 0, days))
	m.exact = true
	return m
}

func weekdayOf(w string, loose bool) (time.Weekday, bool) {
	switch strings.TrimSuffix(w, ".") {
	case "monday", "mon":
		return time.Monday, w == "monday" || loose
	case "tuesday", "tue", "tues":
		return time.Tuesday, w != "tue" || loose
	case "wednesday", "wed", "weds":
		return time.Wednesday, w == "wednesday" || loose
	case "thursday", "thu", "thur", "thurs":
		return time.Thursday, w != "thu" || loose
	case "friday", "fri":
		return time.Friday, w == "friday" || loose
	case "saturday", "sat":
		return time.Saturday, w == "saturday" || loose
	case "sunday", "sun":
		return time.Sunday, w == "sunday" || loose
	}
	return 0, false
}

// weekday reads "friday", "next friday", "this coming friday", "friday week".
func (r *reader) weekday() (moment, bool) {
	r.take("the,first thing,early,late,later")
	which := ""
	for _, w := range []string{"this coming", "the coming", "next", "this", "coming", "upcoming", "last", "following"} {
		if r.take(w) {
			which = w
			break
		}
	}
	d, ok := weekdayOf(r.next(), r.prep != "" || which != "" || r.pos+1 == len(r.words) && r.pos == 0)
	if !ok {
		return moment{}, false
	}
	r.pos++
	ahead := (int(d) - int(r.today.Weekday()) + 7) % 7
	switch which {
	case "this":
	case "last":
		ahead -= 7
	case "next", "following":
		ahead = 7 - sinceMonday(r.today.Weekday()) + sinceMonday(d)
	default:
		if ahead == 0 {
			ahead = 7
		}
	}
	if which != "next" && r.take("week,next week") { // "friday week"
		ahead = 7 - sinceMonday(r.today.Weekday()) + sinceMonday(d)
	}
	day := r.only(r.today.AddDate(0, 0, ahead))
	day.exact = which != ""
	return day, true
}

func sinceMonday(d time.Weekday) int { return (int(d) + 6) % 7 }

// period reads "next week", "this month", "the weekend", "the next 3 days".
func (r *reader) period() (moment, bool) {
	r.take("sometime,some time,early,late,later,mid,any time,anytime,early in,late in")
	step, said := 0, true
	switch {
	case r.take("the next,next,the following,the coming,coming,the upcoming,upcoming"):
		step = 1
	case r.take("this coming"):
		step = 0
	case r.take("this"):
	case r.take("last,the last,the past,past"):
		step = -1
	default:
		said = r.take("the,over the") && wordIs(r.words[min(r.pos, len(r.words)-1)], "weekend")
	}
	if step != 0 {
		if m, ok := attempt(r, func() (moment, bool) { return r.window(step) }); ok {
			return m, true
		}
	}
	unit := r.next()
	if !said && unit != "weekend" {
		return r.monthAlone(said, step)
	}
	r.pos++
	monday := r.today.AddDate(0, 0, -sinceMonday(r.today.Weekday()))
	first := time.Date(r.today.Year(), r.today.Month(), 1, 0, 0, 0, 0, time.UTC)
	switch unit {
	case "week":
		from := monday.AddDate(0, 0, 7*step)
		return moment{from: from, to: from.AddDate(0, 0, 6), exact: true}, true
	case "weekend":
		from := monday.AddDate(0, 0, 5+7*step)
		return moment{from: from, to: from.AddDate(0, 0, 1), exact: true}, true
	case "month":
		return months(first, step, 1), true
	case "quarter":
		start := time.Date(r.today.Year(), (r.today.Month()-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC)
		return months(start, 3*step, 3), true
	case "year":
		return months(time.Date(r.today.Year(), 1, 1, 0, 0, 0, 0, time.UTC), 12*step, 12), true
	}
	r.pos--
	return r.monthAlone(said, step)
}

// window reads the rest of "the next 3 days": from today.
func (r *reader) window(step int) (moment, bool) {
	n, ok := r.count()
	if !ok {
		return moment{}, false
	}
	unit, ok := r.unit()
	if !ok || unit == "minute" || unit == "hour" {
		return moment{}, false
	}
	end := shift(r.today, step*n, false, unit).from
	if step < 0 {
		return moment{from: end, to: r.today, exact: true}, true
	}
	return moment{from: r.today, to: end, exact: true}, true
}

func months(first time.Time, skip, n int) moment {
	from := first.AddDate(0, skip, 0)
	return moment{from: from, to: from.AddDate(0, n, -1), exact: true}
}

// monthAlone reads "march" where a preposition or "next" makes it a month.
func (r *reader) monthAlone(said bool, step int) (moment, bool) {
	month, ok := monthOf(r.next())
	if !ok || (!said && r.prep == "") || (r.next() == "may" && r.prep == "" && step == 0) {
		return moment{}, false
	}
	r.pos++
	year := r.today.Year()
	if month < r.today.Month() {
		year++
	}
	if y, ok := r.year(); ok {
		year = y
	}
	return months(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC), 0, 1), true
}

// edge reads "end of the month", "the beginning of next week", "mid march".
func (r *reader) edge() (moment, bool) {
	r.take("the")
	edge := ""
	for _, e := range []string{"end", "beginning", "start", "middle"} {
		if r.take(e) {
			edge = e
			break
		}
	}
	switch {
	case edge != "" && r.take("of"):
	case r.take("eow"):
		return r.endOf("this week")
	case r.take("eom"):
		return r.endOf("this month")
	case r.take("eoy"):
		return r.endOf("this year")
	default:
		return moment{}, false
	}
	bare := r.take("the") || wordIs(r.words[min(r.pos, len(r.words)-1)], "week", "month", "year", "quarter")
	m, ok := r.periodOf(bare)
	if !ok {
		return moment{}, false
	}
	switch edge {
	case "end":
		m.from = m.to
	case "middle":
		m.from = m.from.AddDate(0, 0, int(m.to.Sub(m.from).Hours()/24)/2)
	}
	m.to = m.from
	return m, true
}

// periodOf reads the period whose edge is meant; a bare one is the present one.
func (r *reader) periodOf(bare bool) (moment, bool) {
	if !bare {
		sub := &reader{words: r.words, pos: r.pos, today: r.today, prep: "of"}
		m, ok := sub.period()
		r.pos = sub.pos
		return m, ok
	}
	unit := r.next()
	switch unit {
	case "week", "month", "year", "quarter", "weekend":
		r.pos++
		return r.presentPeriod(unit), true
	}
	return r.periodOf(false)
}

func (r *reader) presentPeriod(unit string) moment {
	t := scan("this " + unit)
	m, _ := (&reader{words: t.tokens, today: r.today}).period()
	return m
}

func (r *reader) endOf(period string) (moment, bool) {
	m := r.presentPeriod(strings.TrimPrefix(period, "this "))
	return moment{from: m.to, to: m.to, exact: true}, true
}

func monthOf(w string) (time.Month, bool) {
	if len(w) < 3 || len(w) > 9 {
		return 0, false
	}
	for m := time.January; m <= time.December; m++ {
		name := strings.ToLower(m.String())
		if w == name || w == name[:3] || (w == "sept" && m == time.September) {
			return m, true
		}
	}
	return 0, false
}

// dayNumber reads 3, 3rd or 31st.
func dayNumber(w string) (int, bool) {
	for _, suffix := range [...]string{"st", "nd", "rd", "th"} {
		if s, ok := strings.CutSuffix(w, suffix); ok {
			w = s
			break
		}
	}
	if len(w) == 0 || len(w) > 2 {
		return 0, false
	}
	n, err := strconv.Atoi(w)
	return n, err == nil && n >= 1 && n <= 31
}

func (r *reader) year() (int, bool) {
	if w := r.next(); len(w) == 4 && (strings.HasPrefix(w, "20") || strings.HasPrefix(w, "19")) {
		if y, err := strconv.Atoi(w); err == nil {
			r.pos++
			return y, true
		}
	}
	return 0, false
}

// calendarDay reads "3 may", "the 3rd of may 2027", "may 3rd", "the 15th".
func (r *reader) calendarDay() (moment, bool) {
	the := r.take("the")
	if month, ok := monthOf(r.next()); ok {
		r.pos++
		r.take("the")
		d, ok := dayNumber(r.next())
		if !ok || r.peek(1) == "pm" || r.peek(1) == "am" {
			return moment{}, false
		}
		r.pos++
		return r.date(d, month)
	}
	w := r.next()
	d, ok := dayNumber(w)
	if !ok && r.take("first of,last of") {
		r.pos -= 2
		d, ok = map[string]int{"first": 1, "last": 31}[r.next()], true
	}
	if !ok {
		return moment{}, false
	}
	r.pos++
	r.take("of")
	if month, ok := monthOf(r.next()); ok {
		r.pos++
		if d == 31 && w == "last" {
			d = addMonths(time.Date(2001, 1, 31, 0, 0, 0, 0, time.UTC), int(month)-1).Day()
		}
		return r.date(d, month)
	}
	ordinal := strings.TrimLeft(w, "0123456789") != "" && w != "first" && w != "last"
	if r.words[r.pos-1].word != w { // "of" was taken and no month follows
		return moment{}, false
	}
	if ordinal && (the || r.prep != "") {
		return r.dayOfMonth(d), true
	}
	return moment{}, false
}

// date returns the day and month with the year said, or the next there is.
func (r *reader) date(day int, month time.Month) (moment, bool) {
	if y, ok := r.year(); ok {
		at := time.Date(y, month, day, 0, 0, 0, 0, time.UTC)
		m := r.only(at)
		m.exact = true
		return m, at.Day() == day
	}
	for year := r.today.Year(); year < r.today.Year()+9; year++ {
		at := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
		if at.Day() == day && !at.Before(r.today) {
			return r.only(at), true
		}
	}
	return moment{}, false
}

// dayOfMonth returns the next day with that number: this month or a later one.
func (r *reader) dayOfMonth(day int) moment {
	at := r.today
	for at.Day() != day {
		at = at.AddDate(0, 0, 1)
	}
	return r.only(at)
}

// numericDay reads 2026-02-01, and 13/2 or 2/13 where only one reading is a
// date. 1/2 is a date too, but a vague one: nobody can say which.
func (r *reader) numericDay() (moment, bool) {
	w := r.next()
	if len(w) == len(time.DateOnly) {
		if at, err := time.Parse(time.DateOnly, w); err == nil {
			r.pos++
			m := r.only(at)
			m.exact = true
			return m, true
		}
	}
	parts := strings.Split(w, "/")
	if strings.Count(w, ".") == 2 {
		parts = strings.Split(w, ".") // day first: nobody writes it the other way
	} else if len(parts) < 2 || len(parts) > 3 || len(w) > 10 {
		return moment{}, false
	}
	a, okA := dayNumber(parts[0])
	b, okB := dayNumber(parts[1])
	if !okA || !okB || (len(parts) == 2 && r.prep == "" && len(r.words) > 1) {
		return moment{}, false
	}
	if strings.Contains(w, "/") && a <= 12 && b <= 12 && a != b {
		r.pos++
		return moment{vague: true}, true
	}
	if a <= 12 && b > 12 {
		a, b = b, a
	}
	if b > 12 {
		return moment{}, false
	}
	r.pos++
	if len(parts) < 3 || parts[2] == "" {
		return r.date(a, time.Month(b))
	}
	y, err := strconv.Atoi(parts[2])
	if err != nil || y < 0 || y > 9999 {
		return moment{}, false
	}
	if y < 100 {
		y += 2000
	}
	at := time.Date(y, time.Month(b), a, 0, 0, 0, 0, time.UTC)
	m := r.only(at)
	m.exact = true
	return m, at.Day() == a
}

// festival reads the few feasts that people plan by.
func (r *reader) festival() (moment, bool) {
	switch {
	case r.take("christmas eve,xmas eve"):
		return r.date(24, time.December)
	case r.take("christmas day,christmas,xmas"):
		return r.date(25, time.December)
	case r.take("new year 's eve,new years eve,nye"):
		return r.date(31, time.December)
	case r.take("new year 's day,new year 's,new year,the new year,new years"):
		return r.date(1, time.January)
	case r.take("halloween"):
		return r.date(31, time.October)
	case r.take("valentine 's day,valentine 's,valentines day,valentines"):
		return r.date(14, time.February)
	case r.take("easter monday"):
		return r.only(r.nextEaster().AddDate(0, 0, 1)), true
	case r.take("good friday"):
		return r.only(r.nextEaster().AddDate(0, 0, -2)), true
	case r.take("easter sunday,easter"):
		return r.only(r.nextEaster()), true
	}
	return moment{}, false
}

func (r *reader) nextEaster() time.Time {
	e := easter(r.today.Year())
	if e.Before(r.today) {
		e = easter(r.today.Year() + 1)
	}
	return e
}

// easter is the Gregorian computus of Meeus, Jones and Butcher.
func easter(year int) time.Time {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (b - (b+8)/25 + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return time.Date(year, time.Month(n/31), n%31+1, 0, 0, 0, 0, time.UTC)
}

// clockReading is a time of day and how sure it is.
type clockReading struct {
	at   time.Duration
	bare bool // an hour without am, pm or minutes
}

// withClock adds the part of the day and the time that follow a day.
func (r *reader) withClock(m moment) moment {
	part := r.dayPart()
	at := r.pos
	r.take(",,at,around,by,before,@,at about,from,until")
	asked := r.pos > at
	t, ok := attempt(r, r.clockTime)
	if !ok || (t.bare && !asked) || m.wait != 0 {
		r.pos = at
		return m
	}
	if p := r.dayPart(); p != "" {
		part = p
	}
	m.clock, m.timed = t.in(part), true
	return m
}

// dayPart reads morning, afternoon, evening or night after a day or a time.
func (r *reader) dayPart() string {
	at := r.pos
	r.take("in the,this,at,in")
	for _, p := range [...]string{"morning", "afternoon", "evening", "night", "lunchtime", "sharp"} {
		if r.take(p) {
			return p
		}
	}
	r.pos = at
	if at > 0 && wordIs(r.words[at-1], "tonight", "evening") {
		return "evening"
	}
	if at > 0 && wordIs(r.words[at-1], "morning") {
		return "morning"
	}
	return ""
}

// in says what a bare hour means in that part of the day.
func (t clockReading) in(part string) time.Duration {
	if !t.bare || t.at > 12*time.Hour {
		return t.at
	}
	hour := t.at % (12 * time.Hour)
	switch {
	case part == "morning":
		return t.at
	case part == "night" && t.at == 12*time.Hour:
		return 0
	case part == "afternoon" || part == "evening" || part == "night":
		return hour + 12*time.Hour
	case hour > 0 && hour < 8*time.Hour:
		return hour + 12*time.Hour
	}
	return t.at
}

// clockThenDay reads "8 tonight", "5pm tomorrow", "noon on friday", "17:30".
func (r *reader) clockThenDay() (moment, bool) {
	t, ok := attempt(r, r.clockTime)
	if !ok {
		return moment{}, false
	}
	part := r.dayPart()
	at := r.pos
	r.take("on,this,,")
	prep := r.prep
	r.prep = "on"
	m, dayFollows := attempt(r, r.day)
	r.prep = prep
	if !dayFollows {
		r.pos = at
	}
	if part == "" {
		part = r.dayPart()
	}
	said := clockPrepositions.has(token{word: r.prep})
	if t.bare && !dayFollows && part == "" && !said {
		return moment{}, false
	}
	if dayFollows && t.bare && !said && !wordIs(r.words[at], "tonight", "tomorrow", "today", "this", "on") {
		return moment{}, false
	}
	m.clock, m.timed = t.in(part), true
	return m, true
}

// clockPrepositions make a bare number an hour: "at 5", but not "for 5".
var clockPrepositions = vocab("at by until till til before around from @ after")

// clockTime reads a time of day.
func (r *reader) clockTime() (clockReading, bool) {
	switch {
	case r.take("noon,midday,12 noon"):
		return clockReading{at: 12 * time.Hour}, true
	case r.take("midnight"):
		return clockReading{}, true
	case r.take("half past"):
		return r.around(30 * time.Minute)
	case r.take("quarter past,a quarter past"):
		return r.around(15 * time.Minute)
	case r.take("quarter to,a quarter to"):
		return r.around(-15 * time.Minute)
	}
	t, ok := parseClock(r.next())
	if !ok {
		return clockReading{}, false
	}
	r.pos++
	if !t.bare && t.at >= 0 && strings.ContainsAny(r.words[r.pos-1].word, "apm") {
		return t, true
	}
	switch {
	case r.take("am,a.m,a.m."):
		t.at, t.bare = t.at%(12*time.Hour), false
	case r.take("pm,p.m,p.m."):
		t.at, t.bare = t.at%(12*time.Hour)+12*time.Hour, false
	case r.take("o'clock,oclock"):
	}
	return t, true
}

// around reads the hour of "half past 3".
func (r *reader) around(minutes time.Duration) (clockReading, bool) {
	t, ok := r.clockTime()
	t.at += minutes
	return t, ok
}

// parseClock reads one word: 5, 17, 5pm, 5:30pm, 17:30, 17.30h is not one.
func parseClock(w string) (clockReading, bool) {
	half := time.Duration(-1)
	digits := w
	for _, suffix := range [...]string{"am", "pm", "a.m", "p.m"} {
		if s, ok := strings.CutSuffix(w, suffix); ok {
			digits = s
			half = 0
			if suffix[0] == 'p' {
				half = 12 * time.Hour
			}
			break
		}
	}
	hours, minutes, colon := strings.Cut(digits, ":")
	if !colon && half >= 0 {
		hours, minutes, colon = strings.Cut(digits, ".")
	}
	h, err := strconv.Atoi(hours)
	if err != nil || len(hours) > 2 || hours[0] < '0' || hours[0] > '9' || h > 23 || (half >= 0 && (h > 12 || h == 0)) {
		return clockReading{}, false
	}
	t := clockReading{at: time.Duration(h) * time.Hour, bare: !colon && half < 0}
	if colon {
		m, err := strconv.Atoi(minutes)
		if err != nil || len(minutes) != 2 || m > 59 || m < 0 {
			return clockReading{}, false
		}
		t.at += time.Duration(m) * time.Minute
	}
	if half >= 0 {
		t.at = t.at%(12*time.Hour) + half
	}
	return t, true
}

// duePrepositions lead to a date and are no part of the phrase.
var duePrepositions = phraseList(`
	on, by, at, until, till, til, before, from, for, due, due on, due by, due at, due before, due in,
	due for, no later than, not later than, not before, not until, around, @, starting, latest by,
	due date, deadline, with a deadline of, with due date, with deadline, by the latest`)

// trimDuePreposition takes off the words that only lead to a date.
func trimDuePreposition(words []token) (rest []token, prep string) {
	n := duePrepositions.at(words)
	if n == 0 || n == len(words) && n > 1 {
		return words, ""
	}
	prep = words[n-1].word
	if dueLeadEnds.has(words[n-1]) {
		prep = "by"
	}
	if wordIs(words[n-1], "in") { // "due in 3 days": in belongs to the phrase
		n--
	}
	return words[n:], prep
}

// The word lists of this file.
var (
	dueLeadEnds = vocab(`
		in due date deadline than of latest starting`)
)
