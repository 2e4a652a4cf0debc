package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

// Fuzzer makes requests of an OpenAPI document: most of them nearly right, the
// rest not at all.
type Fuzzer struct {
	t          testing.TB
	base       string
	random     *rand.Rand
	operations []operation
}

type operation struct {
	method, path string
	*openapi3.Operation
}

// NewFuzzer returns a fuzzer of the document at base+path. The same seed makes
// the same requests.
func NewFuzzer(t testing.TB, base, path string, seed uint64) *Fuzzer {
	t.Helper()
	document := load(t, base+path)
	f := &Fuzzer{t: t, base: base, random: rand.New(rand.NewPCG(seed, 0))}
	for path, item := range document.Paths.Map() {
		for method, op := range item.Operations() {
			f.operations = append(f.operations, operation{method, path, op})
		}
	}
	slices.SortFunc(f.operations, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return f
}

// Next returns the next request, and its operation as "METHOD /path".
func (f *Fuzzer) Next(ctx context.Context) (*http.Request, string) {
	op := f.operations[f.random.IntN(len(f.operations))]
	path, query, header := op.path, url.Values{}, http.Header{}
	for _, ref := range op.Parameters {
		p := ref.Value
		if p.In != "path" && f.random.IntN(3) > 0 {
			continue
		}
		value := f.parameter(p)
		switch p.In {
		case "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case "query":
			query.Add(p.Name, value)
		case "header":
			header.Set(p.Name, headerSafe(value))
		}
	}
	if f.chance(50) {
		query.Set("surprise", "1")
	}
	var body []byte
	if op.RequestBody != nil {
		body = f.body(op.RequestBody.Value)
		header.Set("Content-Type", f.pick("application/json", "application/json", "application/json", "application/json", "text/plain", "application/merge-patch+json"))
	}
	target := f.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, op.method, target, bytes.NewReader(body))
	if err != nil {
		f.t.Fatalf("%s %s: %v", op.method, target, err)
	}
	request.Header = header
	return request, op.method + " " + op.path
}

// chance is true once in n.
func (f *Fuzzer) chance(n int) bool { return f.random.IntN(n) == 0 }

func (f *Fuzzer) pick(options ...string) string { return options[f.random.IntN(len(options))] }

func (f *Fuzzer) parameter(p *openapi3.Parameter) string {
	if p.In == "path" && !f.chance(4) {
		return f.pick("1", "2", "3", "5", "8", "99999", uuid.Nil.String(), "01a20e5b-639a-7be5-8dc9-4e6fe9606aa1")
	}
	if f.chance(6) {
		return f.junk()
	}
	if strings.EqualFold(p.Name, "If-Match") || strings.EqualFold(p.Name, "If-None-Match") {
		return f.pick(`"1"`, `"2"`, "*", `W/"3"`, `"1", "2"`, "1")
	}
	return fmt.Sprint(f.value(p.Schema.Value, 0))
}

func (f *Fuzzer) body(body *openapi3.RequestBody) []byte {
	if f.chance(20) {
		return []byte(f.pick("", "null", "[]", "{", `{"title":"a","title":"b"}`, "\xff\xfe", `"x"`, "7", `{"\u0000":1}`))
	}
	content := body.Content.Get("application/json")
	if content == nil {
		return nil
	}
	data, err := json.Marshal(f.value(content.Schema.Value, 0))
	if err != nil {
		f.t.Fatal(err)
	}
	if f.chance(15) && len(data) > 2 { // a byte that does not belong there
		data[f.random.IntN(len(data))] = byte(f.random.IntN(256))
	}
	return data
}

// value makes what the schema describes, more or less.
func (f *Fuzzer) value(s *openapi3.Schema, depth int) any {
	if s == nil || depth > 6 {
		return nil
	}
	if f.chance(40) {
		return f.anything()
	}
	if len(s.Enum) > 0 {
		return s.Enum[f.random.IntN(len(s.Enum))]
	}
	if options := slices.Concat(s.OneOf, s.AnyOf); len(options) > 0 {
		return f.value(options[f.random.IntN(len(options))].Value, depth+1)
	}
	switch {
	case s.Type.Includes("object"):
		out := make(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			property := s.Properties[name]
			if slices.Contains(s.Required, name) && !f.chance(20) || f.chance(2) {
				out[name] = f.value(property.Value, depth+1)
			}
		}
		if f.chance(20) {
			out[f.junk()] = f.anything()
		}
		return out
	case s.Type.Includes("array"):
		out := make([]any, f.random.IntN(4))
		for i := range out {
			out[i] = f.value(s.Items.Value, depth+1)
		}
		return out
	case s.Type.Includes("integer"), s.Type.Includes("number"):
		return f.random.IntN(120) - 5
	case s.Type.Includes("boolean"):
		return f.chance(2)
	case s.Format == "uuid":
		return f.pick(uuid.Nil.String(), "01a20e5b-639a-7be5-8dc9-4e6fe9606aa1", f.junk())
	}
	return f.text()
}

// text is what people write, and what they do not.
func (f *Fuzzer) text() string {
	return f.pick("buy milk", "1", "2", "2030-02-01", "2030-02-01T17:00:00Z", "Europe/Berlin", "grace@example.com", "correct horse",
		"add buy milk tomorrow", "add bread and cheese", "list", "mark 1 done", "delete everything", "undo", "what should I do first?", "plan my move", "high", "home", f.junk())
}

func (f *Fuzzer) junk() string {
	return f.pick("", " ", "\x00", "\u202e", "ünïcödé 日本語 🎉", "-1", "9223372036854775808", "1e400", "NaN", "0x10", "'; drop table todos; --", "%", "../..", "a/b", "\\", "\"",
		strings.Repeat("x", 300), strings.Repeat("é", 5000), "\ufffd", "null", "{}", "*", "\r\nX: y", "0001-01-01", "9999-12-31T23:59:59.999999999+23:59")
}

func (f *Fuzzer) anything() any {
	return []any{nil, true, 0, -1, 1e300, "", f.junk(), []any{}, map[string]any{}, []any{nil}, map[string]any{"a": 1}}[f.random.IntN(11)]
}

// headerSafe keeps what a client can send in a header at all.
func headerSafe(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}
