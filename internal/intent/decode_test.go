package intent

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/todochat/todochat/internal/fault"
)

func TestDecodeTakesNullForAbsentAndDropsEmpty(t *testing.T) {
	t.Parallel()
	got, err := Decode([]byte(`{"intents":[
		{"op":"create","title":" buy milk ","due":null,"priority":"","tags":["home",""," "],"filter":null,"feature":null},
		{"op":"list","filter":{"status":"","due":null}},
		{"op":"delete","target":"all","tags":[],"filter":{"status":"completed"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Intent{
		{Op: Create, Title: "buy milk", Tags: []string{"home"}},
		{Op: List},
		{Op: Delete, Target: "all", Filter: &Filter{Status: "completed"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Decode (-want +got):\n%s", diff)
	}
}

func TestDecodeTakesAnEmptyList(t *testing.T) {
	t.Parallel()
	got, err := Decode([]byte(`{"intents":[]}`))
	if err != nil || len(got) != 0 {
		t.Errorf("Decode of no intents = %v, %v, want none", got, err)
	}
}

func TestDecodeRefusesWhatTheContractForbids(t *testing.T) {
	t.Parallel()
	one := func(member string) string { return `{"intents":[{` + member + `}]}` }
	many := strings.TrimSuffix(strings.Repeat(`{"op":"undo"},`, 21), ",")
	tags := strings.TrimSuffix(strings.Repeat(`"t",`, 21), ",")
	for _, c := range []struct {
		name, data string
		kind       fault.Kind
	}{
		{"nothing", ``, fault.Malformed},
		{"prose", `Sure! {"intents":[]}`, fault.Malformed},
		{"trailing prose", `{"intents":[]} I hope this helps`, fault.Malformed},
		{"a list", `[]`, fault.Malformed},
		{"not text", "{\"intents\":[{\"op\":\"create\",\"title\":\"\xff\"}]}", fault.Malformed},
		{"an unknown member", one(`"op":"undo","id":3`), fault.Malformed},
		{"an unknown member beside", `{"intents":[],"note":"x"}`, fault.Malformed},
		{"an unknown filter", one(`"op":"list","filter":{"sort":"due"}`), fault.Malformed},
		{"a number for a title", one(`"op":"create","title":3`), fault.Malformed},
		{"no list", `{}`, fault.Invalid},
		{"a null list", `{"intents":null}`, fault.Invalid},
		{"no op", one(`"title":"x"`), fault.Invalid},
		{"another op", one(`"op":"drop"`), fault.Invalid},
		{"another feature", one(`"op":"unsupported","feature":"magic"`), fault.Invalid},
		{"another priority", one(`"op":"create","title":"x","priority":"urgent"`), fault.Invalid},
		{"another filter priority", one(`"op":"list","filter":{"priority":"top"}`), fault.Invalid},
		{"another status", one(`"op":"list","filter":{"status":"pending"}`), fault.Invalid},
		{"create without a title", one(`"op":"create"`), fault.Invalid},
		{"create with a blank title", one(`"op":"create","title":"  "`), fault.Invalid},
		{"complete without a target", one(`"op":"complete"`), fault.Invalid},
		{"reopen without a target", one(`"op":"reopen","target":null`), fault.Invalid},
		{"update without a target", one(`"op":"update","priority":"high"`), fault.Invalid},
		{"delete without a target", one(`"op":"delete","filter":{"status":"completed"}`), fault.Invalid},
		{"unsupported without a feature", one(`"op":"unsupported"`), fault.Invalid},
		{"too long a title", one(`"op":"create","title":"` + strings.Repeat("é", 256) + `"`), fault.Invalid},
		{"too long a target", one(`"op":"delete","target":"` + strings.Repeat("x", 201) + `"`), fault.Invalid},
		{"too long a due", one(`"op":"create","title":"x","due":"` + strings.Repeat("x", 201) + `"`), fault.Invalid},
		{"too long a query", one(`"op":"list","filter":{"query":"` + strings.Repeat("x", 201) + `"}`), fault.Invalid},
		{"too many tags", one(`"op":"create","title":"x","tags":[` + tags + `]`), fault.Invalid},
		{"too many intents", `{"intents":[` + many + `]}`, fault.Invalid},
	} {
		got, err := Decode([]byte(c.data))
		if fault.KindOf(err) != c.kind || got != nil {
			t.Errorf("%s: Decode = %v, %v, want a fault of kind %s", c.name, got, err, c.kind)
		}
	}
}

func TestDecodeTakesTheLongestTitle(t *testing.T) {
	t.Parallel()
	title := strings.Repeat("é", 255)
	got, err := Decode([]byte(`{"intents":[{"op":"create","title":"` + title + `"}]}`))
	if err != nil || got[0].Title != title {
		t.Errorf("a title of 255 characters: %v", err)
	}
}

// node is the part of JSON Schema that Schema uses.
type node struct {
	Type       string          `json:"type"`
	Enum       []string        `json:"enum"`
	Properties map[string]node `json:"properties"`
	Required   []string        `json:"required"`
	Additional *bool           `json:"additionalProperties"`
	Items      *node           `json:"items"`
	MaxItems   int             `json:"maxItems"`
	MaxLength  int             `json:"maxLength"`
}

func schemaRoot(t *testing.T) node {
	t.Helper()
	var root node
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestSchemaHoldsWhatDecodeAccepts(t *testing.T) {
	t.Parallel()
	root := schemaRoot(t)
	item := *root.Properties["intents"].Items
	for member, want := range map[string]any{"op": ops(), "feature": features(), "priority": priorities()} {
		if got := fmt.Sprint(item.Properties[member].Enum); got != fmt.Sprint(want) {
			t.Errorf("%s: the schema allows %s, Decode %v", member, got, want)
		}
	}
	filter := item.Properties["filter"]
	if got, want := filter.Properties["status"].Enum, statuses(); !cmp.Equal(got, want) {
		t.Errorf("status: the schema allows %v, Decode %v", got, want)
	}
	if got, want := item.Required, []string{"op"}; !cmp.Equal(got, want) {
		t.Errorf("required: %v, want %v", got, want)
	}
	members := func(t reflect.Type) int { return t.NumField() }
	if got, want := len(item.Properties), members(reflect.TypeFor[Intent]()); got != want {
		t.Errorf("%d members in the schema, %d in Intent", got, want)
	}
	if got, want := len(filter.Properties), members(reflect.TypeFor[Filter]()); got != want {
		t.Errorf("%d members in the schema, %d in Filter", got, want)
	}
	if item.Properties["title"].MaxLength != maxTitle || item.Properties["target"].MaxLength != maxSpan || root.Properties["intents"].MaxItems != maxIntents {
		t.Errorf("the bounds of the schema are not those of Decode: %s", Schema())
	}
}

func TestSchemaBoundsEveryStringAndClosesEveryObject(t *testing.T) {
	t.Parallel()
	var walk func(path string, n node)
	walk = func(path string, n node) {
		switch n.Type {
		case "object":
			if n.Additional == nil || *n.Additional {
				t.Errorf("%s takes any member", path)
			}
			for name, p := range n.Properties {
				walk(path+"."+name, p)
			}
		case "array":
			if n.MaxItems == 0 {
				t.Errorf("%s has no bound", path)
			}
			walk(path+"[]", *n.Items)
		case "string":
			if n.MaxLength == 0 && n.Enum == nil {
				t.Errorf("%s has no bound", path)
			}
		default:
			t.Errorf("%s is a %q", path, n.Type)
		}
	}
	walk("$", schemaRoot(t))
}

func TestRulesReturnWhatDecodeAccepts(t *testing.T) {
	t.Parallel()
	for _, e := range readExamples(t) {
		want := Rules(e.Message)
		data, err := json.Marshal(map[string]any{"intents": want})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(data)
		if err != nil || !Equal(got, want) {
			t.Errorf("Rules(%q) does not decode: %v (-want +got):\n%s", e.Message, err, cmp.Diff(want, got))
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range readExamples(f) {
		data, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"intents":[{"op":"create","title":"x","tags":[null],"filter":{}}]}`))
	f.Add([]byte(`{"intents":[null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Decode(data)
		if err != nil {
			if kind := fault.KindOf(err); kind != fault.Malformed && kind != fault.Invalid {
				t.Errorf("Decode(%q): %v, want a malformed or invalid fault", data, err)
			}
			return
		}
		again, err := json.Marshal(map[string]any{"intents": got})
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(again)
		if err != nil || !Equal(got, back) {
			t.Errorf("Decode(%q) does not survive a round trip: %v", data, err)
		}
	})
}
