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
	steps := []func() error{
		func() error { return page.Go(s.url) },
		func() error { return page.Click("[data-testid=to-sign-up]") },
		func() error { return page.Type("[name=name]", "Ada Lovelace") },
		func() error { return page.Type("[name=email]", "ada.browser@example.com") },
		func() error { return page.Type("[name=password]", password) },
		func() error { return page.Click("[data-testid=sign-up]") },
		func() error { return page.Wait("document.querySelector('[data-testid=list-total]')") },
		func() error { return page.Type("[data-testid=chat-input]", "add buy milk tomorrow, high priority\r") },
		func() error { return page.Wait(says("[data-testid=chat-message]", "Added #1")) },
		func() error { return page.Wait(says("[data-testid=todo]", "buy milk")) },
		func() error { return page.Click("[data-number='1'] [data-testid=todo-toggle]") },
		func() error { return page.Wait("document.querySelector('[data-number=\"1\"][data-status=completed]')") },
		page.Reload,
		func() error { return page.Wait("document.querySelector('[data-number=\"1\"][data-status=completed]')") },
		func() error { return page.Wait(says("[data-testid=chat-message]", "Added #1")) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			text, _ := chromium.Eval[string](page, "document.body.innerText")
			t.Fatalf("step %d: %v; the page says:\n%s", i+1, err, text)
		}
	}
	for _, complaint := range page.Complaints() {
		if !strings.Contains(complaint, "/api/auth/me") { // who is not signed in learns it by a 401
			t.Errorf("the page complains: %s", complaint)
		}
	}
}

// says is the condition that an element of the page contains a text.
func says(selector, text string) string {
	return fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.innerText.includes(%q))", selector, text)
}
