package intent

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Schema returns the JSON Schema of {"intents": [...]}: what a model is held
// to, and what Decode accepts. Every string is bounded, so that a model that
// loops comes to an end. Callers must not change it.
func Schema() json.RawMessage { return schema() }

// schema holds one property for each member of Intent and Filter, read from
// the types so that the two cannot part.
var schema = sync.OnceValue(func() json.RawMessage {
	root := map[string]any{
		"type":                 "object",
		"additionalProperties": false,
		"required":             []string{"intents"},
		"properties": map[string]any{
			"intents": map[string]any{"type": "array", "maxItems": maxIntents, "items": objectSchema(reflect.TypeFor[Intent]())},
		},
	}
	data, err := json.Marshal(root)
	if err != nil {
		panic(err) // the map above is ours
	}
	return data
})

func objectSchema(t reflect.Type) map[string]any {
	properties := map[string]any{}
	var required []string
	for field := range fields(t) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		properties[name] = memberSchema(name, field.Type)
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
	}
	object := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if required != nil {
		object["required"] = required
	}
	return object
}

func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return slices.Values(reflect.VisibleFields(t))
}

// memberSchema knows the words allowed in a member by its name, and the rest by
// its type.
func memberSchema(name string, t reflect.Type) map[string]any {
	switch name {
	case "op":
		return map[string]any{"type": "string", "enum": ops()}
	case "feature":
		return map[string]any{"type": "string", "enum": features()}
	case "priority":
		return map[string]any{"type": "string", "enum": priorities()}
	case "status":
		return map[string]any{"type": "string", "enum": statuses()}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return objectSchema(t.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "maxItems": maxTags, "items": memberSchema("", t.Elem())}
	}
	longest := maxSpan
	if name == "title" {
		longest = maxTitle
	}
	return map[string]any{"type": "string", "maxLength": longest}
}
