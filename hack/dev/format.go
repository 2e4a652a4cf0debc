package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// formatter makes a program's log readable: each line gets the program's name,
// and a JSON record becomes
//
//	todo      12:03:04 GET /api/todos 200 3ms
//	chat      12:03:05 WARN the model is away error="connection refused"
type formatter struct {
	name  string
	color bool
}

// attr is a member of a record, in the order in which they were written.
type attr struct {
	name  string
	value json.RawMessage
}

func (f formatter) lines(line []byte) []byte {
	var out bytes.Buffer
	label := f.paint(f.nameColor(), fmt.Sprintf("%-9s", f.name)) + " "
	record, ok := parseRecord(line)
	if !ok {
		out.WriteString(label)
		out.Write(bytes.TrimRight(line, "\r"))
		out.WriteByte('\n')
		return out.Bytes()
	}
	text, more := f.record(record)
	for _, s := range append([]string{text}, more...) {
		out.WriteString(label + s + "\n")
	}
	return out.Bytes()
}

// record is the line of a record, and the lines of a stack trace if it has one.
func (f formatter) record(attrs []attr) (line string, more []string) {
	take := func(name string) string {
		for i, a := range attrs {
			if a.name == name {
				attrs = append(attrs[:i:i], attrs[i+1:]...)
				return text(a.value)
			}
		}
		return ""
	}
	var words []string
	add := func(word string) {
		if word != "" {
			words = append(words, word)
		}
	}
	add(clock(take("time")))
	level := take("level")
	if level != "INFO" {
		add(f.paint(levelColor(level), level))
	}
	message := take("msg")
	if method := take("method"); method != "" && message == "request" {
		add(method)
		add(plain(take("path")))
		add(take("status"))
		add(duration(take("duration_ms")))
		if level == "INFO" || level == "DEBUG" {
			// They help only to look for trouble.
			take("bytes")
			take("request_id")
		}
	} else {
		add(plain(message))
		if method != "" {
			add("method=" + quoted(method))
		}
	}
	if stack := take("stack"); stack != "" {
		more = strings.Split(strings.TrimSpace(stack), "\n")
	}
	for _, a := range attrs {
		add(a.name + "=" + quoted(text(a.value)))
	}
	return strings.Join(words, " "), more
}

// parseRecord reads a JSON object and keeps the order of its members.
func parseRecord(line []byte) (attrs []attr, ok bool) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' || !json.Valid(line) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if _, err := d.Token(); err != nil { // the opening brace
		return nil, false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, false
		}
		attrs = append(attrs, attr{fmt.Sprint(name), raw})
	}
	return attrs, true
}

// text is a JSON value as people read it: a string without its quotes, anything
// else as it is.
func text(value json.RawMessage) string {
	var s string
	if value[0] == '"' && json.Unmarshal(value, &s) == nil {
		return s
	}
	return string(value)
}

// clock is the local time of day of a record.
func clock(stamp string) string {
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return stamp
	}
	return t.Local().Format(time.TimeOnly)
}

// duration rounds milliseconds to what matters.
func duration(milliseconds string) string {
	ms, err := strconv.ParseFloat(milliseconds, 64)
	if err != nil {
		return milliseconds
	}
	d := time.Duration(ms * float64(time.Millisecond))
	if d >= 10*time.Millisecond {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

// quoted is a value that can be told from its neighbours.
func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, " \t=\"") || plain(s) != s {
		return strconv.Quote(s)
	}
	return s
}

// plain is s, quoted if it could do more than be read: a request's path comes
// from outside, and a terminal obeys escape sequences.
func plain(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return strconv.Quote(s)
	}
	return s
}

const (
	red     = "31"
	green   = "32"
	yellow  = "33"
	blue    = "34"
	magenta = "35"
	cyan    = "36"
)

func (f formatter) nameColor() string {
	switch f.name {
	case "todo":
		return green
	case "chat":
		return magenta
	case "frontend":
		return blue
	default:
		return cyan
	}
}

func levelColor(level string) string {
	switch level {
	case "ERROR":
		return red
	case "WARN":
		return yellow
	default:
		return cyan
	}
}

func (f formatter) paint(color, s string) string {
	if !f.color || s == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}
