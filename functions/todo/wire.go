package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
)

// contentBody is a todo as clients write it whole, to create or to replace.
type contentBody struct {
	Title       string   `json:"title" minLength:"1" maxLength:"255" doc:"What is to be done"`
	Description string   `json:"description,omitempty" maxLength:"10000"`
	Status      string   `json:"status,omitempty" enum:"pending,completed"`
	Priority    string   `json:"priority,omitempty" enum:"low,medium,high"`
	Due         *string  `json:"due,omitempty" nullable:"true" doc:"A day (2026-02-01) or a moment (2026-02-01T17:00:00Z)"`
	Tags        []string `json:"tags,omitempty" nullable:"false" maxItems:"20"`
}

// content returns what the body says; members left out have their defaults.
func (b contentBody) content() (todo.Content, error) {
	c := todo.NewContent(b.Title)
	c.Description, c.Tags = b.Description, b.Tags
	if b.Status != "" {
		c.Status = todo.Status(b.Status)
	}
	if b.Priority != "" {
		c.Priority = todo.Priority(b.Priority)
	}
	if b.Due != nil {
		var err error
		if c.Due, err = parseDue(*b.Due, "due"); err != nil {
			return todo.Content{}, err
		}
	}
	return c, nil
}

// patchBody is a JSON merge patch (RFC 7396): what is not sent stays, and null
// puts back the default.
type patchBody struct {
	Title       member[titleText]       `json:"title,omitzero"`
	Description member[descriptionText] `json:"description,omitzero"`
	Status      member[statusName]      `json:"status,omitzero"`
	Priority    member[priorityName]    `json:"priority,omitzero"`
	Due         member[dueText]         `json:"due,omitzero"`
	Tags        member[tagList]         `json:"tags,omitzero"`
}

func (b patchBody) patch() (todo.Patch, error) {
	if b.Title.sent && b.Title.null {
		return todo.Patch{}, fault.InvalidField("title", "a title cannot be taken away: send another one")
	}
	p := todo.Patch{
		Title:       orDefault[string](b.Title, ""),
		Description: orDefault[string](b.Description, ""),
		Status:      orDefault(b.Status, todo.Pending),
		Priority:    orDefault(b.Priority, todo.Medium),
		Tags:        orDefault(b.Tags, []string{}),
	}
	if due := orDefault[string](b.Due, ""); due != nil {
		p.Due = &todo.Due{}
		if *due != "" || !b.Due.null {
			parsed, err := parseDue(*due, "due")
			if err != nil {
				return todo.Patch{}, err
			}
			p.Due = &parsed
		}
	}
	return p, nil
}

func parseDue(s, location string) (todo.Due, error) {
	due, err := todo.ParseDue(s)
	if err != nil {
		return todo.Due{}, fault.InvalidField(location, err.(*fault.Error).Detail)
	}
	return due, nil
}

// member is a member of a merge patch: not sent, null, or a value.
type member[T any] struct {
	sent, null bool
	value      T
}

// UnmarshalJSONFrom is called only for a member that was sent.
func (m *member[T]) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	m.sent = true
	if d.PeekKind() == 'n' {
		m.null = true
		return d.SkipValue()
	}
	return json.UnmarshalDecode(d, &m.value)
}

// Schema implements huma.SchemaProvider: the schema of T, or null.
func (m member[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), false, "")
	s.Nullable = true
	return &s
}

// orDefault returns nil for what was not sent and the default for null.
func orDefault[D, T any](m member[T], none D) *D {
	switch {
	case !m.sent:
		return nil
	case m.null:
		return &none
	}
	value := reflect.ValueOf(m.value).Convert(reflect.TypeFor[D]()).Interface().(D)
	return &value
}

// The types of members carry their limits.
type (
	titleText       string
	descriptionText string
	statusName      string
	priorityName    string
	dueText         string
	tagList         []string
)

func text(minimum, maximum int) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, MinLength: &minimum, MaxLength: &maximum}
}

func oneOf(values ...any) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Enum: values} }

// Each Schema implements huma.SchemaProvider.

func (titleText) Schema(huma.Registry) *huma.Schema       { return text(1, todo.MaxTitle) }
func (descriptionText) Schema(huma.Registry) *huma.Schema { return text(0, todo.MaxDescription) }
func (statusName) Schema(huma.Registry) *huma.Schema      { return oneOf("pending", "completed") }
func (priorityName) Schema(huma.Registry) *huma.Schema    { return oneOf("low", "medium", "high") }

func (dueText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: "A day (2026-02-01) or a moment (2026-02-01T17:00:00Z)"}
}

func (tagList) Schema(huma.Registry) *huma.Schema {
	maximum := todo.MaxTags
	return &huma.Schema{Type: huma.TypeArray, Items: text(1, todo.MaxTag), MaxItems: &maximum}
}

// nullableDue is the schema of todo.Due.
type nullableDue struct{}

func (nullableDue) Schema(r huma.Registry) *huma.Schema { return member[dueText]{}.Schema(r) }

type kindName struct{}

func (kindName) Schema(huma.Registry) *huma.Schema {
	return oneOf("created", "updated", "completed", "reopened", "deleted", "restored")
}

type idText struct{}

func (idText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "uuid"}
}

// describeTypes tells the OpenAPI document what the domain's types look like
// on the wire: the domain does not know of it.
func describeTypes(api huma.API) {
	registry := api.OpenAPI().Components.Schemas
	registry.RegisterTypeAlias(reflect.TypeFor[todo.Due](), reflect.TypeFor[nullableDue]())
	registry.RegisterTypeAlias(reflect.TypeFor[todo.Status](), reflect.TypeFor[statusName]())
	registry.RegisterTypeAlias(reflect.TypeFor[todo.Priority](), reflect.TypeFor[priorityName]())
	registry.RegisterTypeAlias(reflect.TypeFor[todo.Kind](), reflect.TypeFor[kindName]())
	registry.RegisterTypeAlias(reflect.TypeFor[uuid.UUID](), reflect.TypeFor[idText]())
	change := registry.SchemaFromRef(registry.Schema(reflect.TypeFor[todo.Change](), true, "").Ref)
	for _, name := range []string{"before", "after"} {
		change.Properties[name] = &huma.Schema{OneOf: []*huma.Schema{change.Properties[name], {Type: "null"}}}
	}
}

// entityTag is the ETag of a todo: its version.
func entityTag(t todo.Todo) string { return strconv.Quote(strconv.FormatInt(t.Version, 10)) }

// parseIfMatch reads an entity tag that a todo had, or * for any.
func parseIfMatch(header string) (todo.IfMatch, error) {
	if header == "" || header == "*" {
		return 0, nil
	}
	tag, quoted := strings.CutPrefix(header, `"`)
	version, err := strconv.ParseInt(strings.TrimSuffix(tag, `"`), 10, 64)
	if !quoted || err != nil || version < 1 {
		return 0, fault.InvalidField("header.If-Match", `If-Match is the ETag of the todo as you read it, such as "17", with its quotes`)
	}
	return todo.IfMatch(version), nil
}

// checkKey says whether an Idempotency-Key can be kept.
func checkKey(key string) error {
	if len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' }) {
		return fault.InvalidField("header.Idempotency-Key", "an Idempotency-Key has 1 to 255 visible ASCII characters")
	}
	return nil
}

func parseRef(s, location string) (todo.Ref, error) {
	ref, err := todo.ParseRef(s)
	if err != nil {
		return todo.Ref{}, fault.InvalidField(location, err.(*fault.Error).Detail)
	}
	return ref, nil
}

// below moves the locations of a fault to where the value stood in the request.
func below(prefix string, err error) error {
	if f, ok := err.(*fault.Error); ok {
		return f.At(prefix)
	}
	return fmt.Errorf("%s: %w", prefix, err)
}
