package intent

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/todochat/todochat/internal/fault"
)

// What a model may return, at most. The schema of Schema says the same.
const (
	maxIntents = 20
	maxTags    = 20
	maxTitle   = 255 // runes
	maxSpan    = 200 // runes, of target, due, tag and query
)

// Decode reads what a model returned: {"intents": [...]} and nothing else. A
// null counts as absent, and an empty member is dropped. An op, feature,
// priority or status outside the contract is refused, as are unknown members,
// spans that are too long, and an intent without what its op needs: a title
// for create; a target for complete, reopen, update and delete; a feature for
// unsupported.
//
// The error is a fault: Malformed when data is not JSON of that shape, Invalid
// when a value is not allowed.
func Decode(data []byte) ([]Intent, error) {
	if !utf8.Valid(data) {
		return nil, fault.New(fault.Malformed, "The answer of the model is not text.")
	}
	var answer struct {
		Intents []Intent `json:"intents"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&answer); err != nil {
		return nil, fault.New(fault.Malformed, "The answer of the model is not a list of intents.").Because(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Malformed, "The answer of the model goes on after its end.")
	}
	if answer.Intents == nil {
		return nil, fault.InvalidField("intents", "The answer of the model holds no list of intents.")
	}
	if err := Check(answer.Intents); err != nil {
		return nil, err
	}
	return answer.Intents, nil
}

// Check holds intents that a model returned to the contract. It drops empty
// members, and returns the first thing that is not allowed.
func Check(intents []Intent) error {
	if len(intents) > maxIntents {
		return fault.InvalidField("intents", "The answer of the model holds more than 20 intents.")
	}
	for n := range intents {
		intents[n].dropEmpty()
		if err := intents[n].validate(); err != nil {
			return err
		}
	}
	return nil
}

// dropEmpty makes an empty member an absent one.
func (i *Intent) dropEmpty() {
	spans := []*string{&i.Target, &i.Title, &i.Due, &i.Priority, (*string)(&i.Feature)}
	if f := i.Filter; f != nil {
		spans = append(spans, &f.Status, &f.Due, &f.Priority, &f.Tag, &f.Query)
	}
	for _, s := range spans {
		*s = strings.TrimSpace(*s)
	}
	var tags []string
	for _, tag := range i.Tags {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	i.Tags = tags
	if i.Filter != nil {
		i.Filter = i.Filter.orNil()
	}
}

// validate returns the first thing that the contract does not allow.
func (i Intent) validate() error {
	for _, rule := range []func(Intent) *fault.Error{allowedWords, boundedSpans, requiredMembers} {
		if err := rule(i); err != nil {
			return err
		}
	}
	return nil
}

func allowedWords(i Intent) *fault.Error {
	f := i.filter()
	switch {
	case !slices.Contains(ops(), i.Op):
		return fault.InvalidField("intents.op", "This is not an operation.")
	case i.Feature != "" && !slices.Contains(features(), i.Feature):
		return fault.InvalidField("intents.feature", "This is not a feature.")
	case !priorityAllowed(i.Priority):
		return fault.InvalidField("intents.priority", "A priority is low, medium or high.")
	case !priorityAllowed(f.Priority):
		return fault.InvalidField("intents.filter.priority", "A priority is low, medium or high.")
	case f.Status != "" && !slices.Contains(statuses(), f.Status):
		return fault.InvalidField("intents.filter.status", "A status is open, completed or all.")
	}
	return nil
}

func priorityAllowed(p string) bool { return p == "" || slices.Contains(priorities(), p) }

func boundedSpans(i Intent) *fault.Error {
	f := i.filter()
	if utf8.RuneCountInString(i.Title) > maxTitle {
		return fault.InvalidField("intents.title", "A title has at most 255 characters.")
	}
	for _, span := range []struct{ location, text string }{
		{"target", i.Target},
		{"due", i.Due},
		{"filter.due", f.Due},
		{"filter.tag", f.Tag},
		{"filter.query", f.Query},
	} {
		if utf8.RuneCountInString(span.text) > maxSpan {
			return fault.InvalidField("intents."+span.location, "This has at most 200 characters.")
		}
	}
	if len(i.Tags) > maxTags {
		return fault.InvalidField("intents.tags", "A todo has at most 20 tags.")
	}
	for _, tag := range i.Tags {
		if utf8.RuneCountInString(tag) > maxSpan {
			return fault.InvalidField("intents.tags", "A tag has at most 200 characters.")
		}
	}
	return nil
}

func requiredMembers(i Intent) *fault.Error {
	switch i.Op {
	case Create:
		if i.Title == "" {
			return fault.InvalidField("intents.title", "A new todo needs a title.")
		}
	case Complete, Reopen, Update, Delete:
		if i.Target == "" {
			return fault.InvalidField("intents.target", "This needs to say which todo.")
		}
	case Unsupported:
		if i.Feature == "" {
			return fault.InvalidField("intents.feature", "This needs to say which feature.")
		}
	}
	return nil
}

func (i Intent) filter() Filter {
	if i.Filter == nil {
		return Filter{}
	}
	return *i.Filter
}

func ops() []Op {
	return []Op{Create, List, Complete, Reopen, Update, Delete, Undo, Ask, Help, Chat, Unsupported}
}

func features() []Feature {
	return []Feature{Recurring, Reminder, Notification, Sharing, OtherFeature}
}

func priorities() []string { return []string{"low", "medium", "high"} }

func statuses() []string { return []string{"open", "completed", "all"} }
