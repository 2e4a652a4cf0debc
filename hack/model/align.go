package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/todochat/todochat/internal/intent"
	"github.com/todochat/todochat/internal/intentmodel"
)

// message is a line of a file as hack/eval reads it.
type message struct {
	Message string          `json:"message"`
	Intents []intent.Intent `json:"intents"`
}

func readMessages(name string) ([]message, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var out []message
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		var line message
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		out = append(out, line)
	}
	return out, lines.Err()
}

// readExamples reads messages whose words stand in them in one piece; the rest
// is left out.
func readExamples(name string) ([]example, error) {
	lines, err := readMessages(name)
	if err != nil {
		return nil, err
	}
	var aligned []example
	for _, line := range lines {
		e, ok := align(line.Message, line.Intents)
		if !ok {
			continue
		}
		if _, err := e.answer(intentmodel.Split(e.text)); err == nil {
			aligned = append(aligned, e)
		}
	}
	return aligned, nil
}

// align finds where the words of intents stand in the message.
func align(message string, intents []intent.Intent) (example, bool) {
	e := example{text: message}
	from := 0
	for _, i := range intents {
		m := meaning{op: string(i.Op)}
		whole := true
		setting := func(key, value string) {
			if word, ok := settings[key+"="+value]; ok {
				m.members = append(m.members, member{word: word})
			} else if value != "" && value != "all" {
				whole = false
			}
		}
		span := func(key, value string) {
			if value == "" {
				return
			}
			at := locate(message, value, from)
			if at < 0 {
				at = locate(message, value, 0)
			}
			if at < 0 {
				whole = false
				return
			}
			if key == "title" || key == "target" {
				from = at
			}
			m.members = append(m.members, member{words[key], []byteRange{{at, at + len(value)}}})
		}
		f := i.Filter
		if f == nil {
			f = new(intent.Filter)
		}
		if i.Target == "it" || i.Target == "all" {
			setting("target", i.Target)
		} else {
			span("target", i.Target)
		}
		span("title", i.Title)
		span("due", i.Due)
		for _, tag := range i.Tags {
			span("tag", tag)
		}
		setting("priority", i.Priority)
		setting("f.status", f.Status)
		span("f.due", f.Due)
		setting("f.priority", f.Priority)
		span("f.tag", f.Tag)
		span("f.query", f.Query)
		setting("feature", string(i.Feature))
		if !whole {
			return example{}, false
		}
		e.intents = append(e.intents, m)
	}
	return e, true
}
