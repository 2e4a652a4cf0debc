package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/todochat/todochat/internal/stacktest"
)

func TestTwoTabsStayEqual(t *testing.T) {
	browser := startBrowser(t)
	stack := stacktest.New(t, "LOG_LEVEL=info")
	address := onLocalhost(stack)
	one := open(t, browser, desktop, address)
	one.signUp("Ada Lovelace", email, password)
	two := open(t, browser, desktop, address)
	two.wait("document.querySelector('[data-testid=count-total]')?.innerText === '0'")

	one.enter(named("add-title"), "call the plumber")
	one.click(named("add-submit"))
	two.shows(row(1, "todo-title"), "call the plumber")
	two.wait("document.querySelector('[data-testid=count-pending]').innerText === '1'")
	two.click(row(1, "todo-toggle"))
	one.wait(has(1, "completed"))
	one.say("add buy milk", "Added #2")
	two.shows(row(2, "todo-title"), "buy milk")
	two.click(row(1, "todo-delete"))
	one.lacks(row(1))

	// While nobody sees a page, nothing is asked of the server.
	streams := func() int { return strings.Count(stack.Todo.Log(), "/api/changes/stream") }
	before := streams()
	two.see(false)
	await(t, "the stream of the hidden tab ends", func() bool { return streams() > before })
	one.say("add bread", "Added #3")
	one.shows(row(3, "todo-title"), "bread")
	if eval[bool](two, fmt.Sprintf("document.querySelector(%q) !== null", row(3))) {
		t.Error("a page that nobody sees follows changes")
	}
	two.see(true)
	two.shows(row(3, "todo-title"), "bread")

	// Whoever cannot be told says so.
	for _, page := range []*tab{one, two} {
		page.expect("ERR_INCOMPLETE_CHUNKED_ENCODING")
		page.expect("503 (Service Unavailable)")
	}
	stack.Todo.Stop(os.Kill, patience)
	one.shows(named("offline"), "You are offline")
}

// see makes the tab believe that somebody sees it, or nobody.
func (v *tab) see(visible bool) {
	v.t.Helper()
	state := map[bool]string{true: "visible", false: "hidden"}[visible]
	eval[bool](v, fmt.Sprintf(`(Object.defineProperty(document, "visibilityState", {configurable: true, get: () => %q}),
		document.dispatchEvent(new Event("visibilitychange")))`, state))
}

const patience = 10 * time.Second

// TestAFrontendThatStopsEndsItsStreams: else it would wait for minutes.
func TestAFrontendThatStopsEndsItsStreams(t *testing.T) {
	t.Parallel()
	stack := stacktest.New(t)
	v := newVisitor(t, stack.Frontend.URL)
	v.ask("POST", "/session/register", `{"email":"ada@example.com","password":"correct horse battery","name":"Ada"}`).check(t, 200, "account")
	request, err := http.NewRequestWithContext(t.Context(), "GET", stack.Frontend.URL+"/api/changes/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := v.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() && lines.Text() != "event: ready" {
	}
	began := time.Now()
	if stack.Frontend.Stop(syscall.SIGTERM, patience) {
		t.Errorf("it does not stop within %v", patience)
	}
	for lines.Scan() {
	}
	if lines.Err() != nil || time.Since(began) > 5*time.Second {
		t.Errorf("the stream ends with %v after %v, want it complete", lines.Err(), time.Since(began))
	}
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("it never happens: %s", what)
		}
	}
}
