package intent

import (
	"slices"
	"strings"
)

// Normalize returns the intent with its spans written the one way that
// comparisons use: lower case, single spaces, no outer punctuation or quotes,
// no leading article, and in a target no trailing "one" or "task". Tags lose
// their # and are sorted; a filter for all states, or for nothing, goes.
func (i Intent) Normalize() Intent {
	i.Target = normalTarget(i.Target)
	i.Title = normalSpan(i.Title)
	i.Due = normalSpan(i.Due)
	i.Priority = strings.ToLower(i.Priority)
	var tags []string
	for _, tag := range i.Tags {
		if tag = normalTag(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	i.Tags = tags
	if i.Filter != nil {
		f := Filter{
			Status:   i.Filter.Status,
			Due:      normalSpan(i.Filter.Due),
			Priority: strings.ToLower(i.Filter.Priority),
			Tag:      normalTag(i.Filter.Tag),
			Query:    normalSpan(i.Filter.Query),
		}
		if f.Status == "all" {
			f.Status = ""
		}
		i.Filter = f.orNil()
	}
	return i
}

func normalTag(tag string) string { return normalSpan(strings.TrimLeft(strings.TrimSpace(tag), "#")) }

const outerMarks = " .,!?\"'“”‘’"

func normalSpan(s string) string {
	s = strings.Join(strings.Fields(strings.ToLower(s)), " ")
	s = strings.Trim(s, outerMarks)
	for _, article := range [...]string{"the ", "a ", "an ", "my "} {
		if rest, ok := strings.CutPrefix(s, article); ok {
			return rest
		}
	}
	return s
}

func normalTarget(s string) string {
	s = normalSpan(s)
	for _, noun := range [...]string{" ones", " one", " tasks", " task", " todo", " item"} {
		if rest, ok := strings.CutSuffix(s, noun); ok {
			return rest
		}
	}
	return s
}

// Equal reports whether two readings of a message mean the same: the same
// intents in the same order, each compared as Normalize writes it.
func Equal(a, b []Intent) bool { return slices.EqualFunc(a, b, equal) }

func equal(a, b Intent) bool {
	a, b = a.Normalize(), b.Normalize()
	sameFilter := (a.Filter == nil) == (b.Filter == nil) && (a.Filter == nil || *a.Filter == *b.Filter)
	return a.Op == b.Op && a.Target == b.Target && a.Title == b.Title && a.Due == b.Due &&
		a.Priority == b.Priority && slices.Equal(a.Tags, b.Tags) && sameFilter && a.Feature == b.Feature
}

// WrongDestructive reports whether got would do harm that want does not ask
// for: a delete that want does not have, or a complete, reopen or update where
// want has none of that op.
func WrongDestructive(want, got []Intent) bool {
	for _, g := range got {
		switch g.Op {
		case Delete:
			if !slices.ContainsFunc(want, func(w Intent) bool { return equal(w, g) }) {
				return true
			}
		case Complete, Reopen, Update:
			if !slices.ContainsFunc(want, func(w Intent) bool { return w.Op == g.Op }) {
				return true
			}
		}
	}
	return false
}
