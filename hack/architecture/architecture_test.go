// Package architecture keeps the directions of the imports: arrows point
// inward, from the functions over the adapters and the domain to fault.
package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/todochat/todochat/"

// allowed says which packages of ours each package may import, tests aside.
// One that is not here may import none, and must be added by intent.
var allowed = map[string][]string{
	"internal/fault":       {},
	"internal/todo":        {"internal/fault"},
	"internal/account":     {"internal/fault"},
	"internal/intent":      {"internal/fault"},
	"internal/intentmodel": {"internal/intent"},
	"internal/chat":        {"internal/intent", "internal/todo", "internal/fault"},

	"internal/postgres":            {"internal/account", "internal/chat", "internal/todo", "internal/fault"},
	"internal/postgres/migrations": {},
	"internal/ollama":              {"internal/intent", "internal/intentmodel", "internal/fault"},
	"internal/interpreter":         {"internal/intent", "internal/ollama", "internal/fault"},
	"internal/event":               {"internal/todo", "internal/fault"},
	"internal/jwks":                {},
	"internal/todoclient":          {"internal/account", "internal/jwks", "internal/todo", "internal/fault"},
	"internal/web":                 {"internal/account", "internal/fault"},

	"functions/migrate": {"internal/postgres/migrations"},
	"frontend":          {"internal/web", "internal/fault"},
}

// outside says what domain packages may import from elsewhere.
var outside = map[string][]string{
	"internal/fault":   {},
	"internal/todo":    {"github.com/google/uuid", "github.com/go-json-experiment/json"},
	"internal/account": {"github.com/google/uuid", "github.com/lestrrat-go/jwx/v3", "golang.org/x/crypto/argon2"},
	"internal/intent":  {},
	"internal/chat":    {"github.com/google/uuid"},

	"internal/intentmodel": {"golang.org/x/text/unicode/norm"},
}

// forTests may be imported by tests and by one another only.
var forTests = []string{"internal/pgtest", "internal/stacktest", "internal/contract", "internal/ollamatest"}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Standard   bool
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps,Standard"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var packages []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestImportsPointInward(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./internal/...", "./functions/...", "./frontend/...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		if slices.Contains(forTests, name) {
			continue
		}
		may, known := allowed[name]
		isFunction := strings.HasPrefix(name, "functions/") && !known
		if !known && !isFunction {
			t.Errorf("%s is new: say in this test what it may import", name)
		}
		for _, imported := range p.Imports {
			ours, isOurs := strings.CutPrefix(imported, module)
			switch {
			case isOurs && slices.Contains(forTests, ours), isOurs && strings.HasPrefix(ours, "hack/"):
				t.Errorf("%s imports %s, which is for tests", name, ours)
			case isOurs && !isFunction && !slices.Contains(may, ours):
				t.Errorf("%s imports %s: arrows point inward", name, ours)
			}
		}
	}
}

func TestTheDomainKnowsNoTechnology(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./internal/...") {
		may, isDomain := outside[strings.TrimPrefix(p.ImportPath, module)]
		if !isDomain {
			continue
		}
		for _, imported := range p.Imports {
			foreign := strings.Contains(strings.Split(imported, "/")[0], ".") && !strings.HasPrefix(imported, module)
			if foreign && !slices.ContainsFunc(may, func(root string) bool { return strings.HasPrefix(imported, root) }) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
			if imported == "net/http" || imported == "database/sql" || imported == "os" {
				t.Errorf("%s imports %s: the domain does no I/O", p.ImportPath, imported)
			}
		}
	}
}

// TestNoProgramLinksKubernetes keeps what deploys the programs out of them.
func TestNoProgramLinksKubernetes(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./functions/todo", "./functions/chat", "./functions/migrate", "./frontend") {
		for _, dep := range p.Deps {
			if strings.HasPrefix(dep, "k8s.io/") || strings.HasPrefix(dep, "sigs.k8s.io/") || strings.HasPrefix(dep, "knative.dev/") {
				t.Errorf("%s links %s", p.ImportPath, dep)
			}
		}
	}
}

func TestNoPackageIsNamedAfterNothing(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./...") {
		last := p.ImportPath[strings.LastIndexByte(p.ImportPath, '/')+1:]
		if slices.Contains([]string{"util", "utils", "common", "models", "helpers", "service", "misc", "lib"}, last) {
			t.Errorf("%s: a package is named after what it knows", p.ImportPath)
		}
	}
}
