//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/todochat/todochat/hack/chromium"
)

// curl pastes the README's curl lines into a shell, with the frontend's
// address on this cluster.
func curl(t *testing.T, s *system) {
	block := commands(t, "/api/auth/register")
	lines := strings.Count(block, "curl ")
	if lines < 7 {
		t.Fatalf("README.md has only %d curl lines", lines)
	}
	block = strings.ReplaceAll(block, "http://localhost:3000", s.url)
	via := ""
	if s.Ingress != "" {
		via = "--connect-to ::" + s.Ingress
	}
	out := s.run(t, fmt.Sprintf("curl() { command curl --fail-with-body -S %s \"$@\"; echo; }\n%s", via, block))
	for _, want := range []string{`"title":"buy milk"`, `"title":"buy oat milk"`, `"status":"completed"`, `"reply":"`, "call mum"} {
		if !strings.Contains(out, want) {
			t.Errorf("curl does not show %s:\n%s", want, out)
		}
	}
}

// browse is the main job in a real browser, on a plain http address whose host
// is not localhost.
func browse(t *testing.T, s *system) {
	flags := map[string]any{}
	if s.Ingress != "" {
		u, err := url.Parse(s.url)
		if err != nil {
			t.Fatal(err)
		}
		flags["host-resolver-rules"] = fmt.Sprintf("MAP %s %s", u.Hostname(), s.Ingress)
	}
	browser, err := chromium.Start(context.Background(), chromium.Options{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	defer browser.Stop()
	page, err := browser.Open(chromium.Screen{Width: 1360, Height: 850, Zone: "Europe/Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	const done = "document.querySelector('[data-number=\"1\"][data-status=completed]')"
	err = page.Steps(
		chromium.Going(s.url),
		chromium.Clicking("[data-testid=to-sign-up]"),
		chromium.Typing("[name=name]", "Ada Lovelace"),
		chromium.Typing("[name=email]", "ada.browser@example.com"),
		chromium.Typing("[name=password]", password),
		chromium.Clicking("[data-testid=sign-up]"),
		chromium.Waiting("document.querySelector('[data-testid=list-total]')"),
		chromium.Typing("[data-testid=chat-input]", "add buy milk tomorrow, high priority\r"),
		chromium.Saying("[data-testid=chat-message]", "Added #1"),
		chromium.Saying("[data-testid=todo]", "buy milk"),
		chromium.Clicking("[data-number='1'] [data-testid=todo-toggle]"),
		chromium.Waiting(done),
		(*chromium.Tab).Reload,
		chromium.Waiting(done),
		chromium.Saying("[data-testid=chat-message]", "Added #1"),
	)
	if err != nil {
		text, _ := chromium.Eval[string](page, "document.body.innerText")
		t.Fatalf("%v; the page says:\n%s", err, text)
	}
	for _, complaint := range page.Complaints() {
		if !strings.Contains(complaint, "/api/auth/me") { // who is not signed in learns it by a 401
			t.Errorf("the page complains: %s", complaint)
		}
	}
}
