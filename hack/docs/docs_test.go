// Package docs keeps what the documents say true: their commands run, and
// every path that is served is described.
package docs

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/todochat/todochat/internal/stacktest"
)

var shell = regexp.MustCompile("(?s)```sh\n(.*?)```")

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTheCurlLinesRunAsTheyStand pastes the commands of each document into a
// shell, against the real system. curl fails for a status of 400 or more.
func TestTheCurlLinesRunAsTheyStand(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"README.md", "docs/api.md"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath("curl"); err != nil {
				t.Fatal("these tests need curl: install it")
			}
			stack := stacktest.New(t, "LOG_LEVEL=error")
			script := "set -euo pipefail\ncurl() { command curl --fail-with-body -S \"$@\"; echo; }\n"
			lines := 0
			for _, block := range shell.FindAllStringSubmatch(read(t, name), -1) {
				if strings.Contains(block[1], "make ") || strings.Contains(block[1], "kubectl ") {
					continue // make e2e runs the latter
				}
				lines += strings.Count(block[1], "curl ")
				script += strings.ReplaceAll(block[1], "http://localhost:3000", stack.Frontend.URL)
			}
			if lines < 8 {
				t.Fatalf("only %d curl lines were found", lines)
			}
			cmd := exec.Command("bash", "-c", script)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("the commands fail: %v\n%s", err, out)
			}
			if bytes.Contains(out, []byte(`"isError":true`)) { // under 200, so that curl sees nothing wrong
				t.Errorf("a tool refuses its call:\n%s", out)
			}
		})
	}
}

// TestEveryPathIsDescribed compares docs/api.md with the contracts.
func TestEveryPathIsDescribed(t *testing.T) {
	t.Parallel()
	stack := stacktest.New(t, "LOG_LEVEL=error")
	text := read(t, "docs/api.md")
	for _, path := range []string{"/openapi.json", "/api/chat/openapi.json"} {
		response, err := http.Get(stack.Frontend.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var document struct {
			Paths map[string]map[string]json.RawMessage `json:"paths"`
		}
		if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
			t.Fatal(err)
		}
		if len(document.Paths) == 0 {
			t.Fatalf("%s has no paths", path)
		}
		for served, methods := range document.Paths {
			for method := range methods {
				described := strings.Contains(text, strings.ToUpper(method)+" "+served) || strings.Contains(text, "alias "+served) ||
					method == "patch" && strings.HasSuffix(served, "/complete")
				if !described {
					t.Errorf("docs/api.md does not describe %s %s", strings.ToUpper(method), served)
				}
			}
		}
	}
}

// TestLinksLeadSomewhere follows the links between documents.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "docs/api.md", "docs/architecture.md", "docs/assistant.md", "docs/deploy.md", "docs/performance.md", "docs/decisions/README.md"} {
		dir := "../../"
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			dir += name[:i+1]
		}
		for _, found := range link.FindAllStringSubmatch(read(t, name), -1) {
			if _, err := os.Stat(dir + found[1]); err != nil {
				t.Errorf("%s links to %s, which is not there", name, found[1])
			}
		}
	}
}
