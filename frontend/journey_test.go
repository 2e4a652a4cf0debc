package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/hack/chromium"
	"github.com/todochat/todochat/internal/stacktest"
)

// The journeys are what people do, in a real browser, against the real
// programs and a real database.

const (
	email    = "ada@example.com"
	password = "correct horse battery"
)

func TestAPersonKeepsAListByFormAndByTalk(t *testing.T) {
	browser := startBrowser(t)
	stack := stacktest.New(t)
	journey(t, browser, stack, onLocalhost(stack))
}

func TestTheSameWorksUnderAnotherNameBehindAProxy(t *testing.T) {
	browser := startBrowser(t)
	proxy := newRewriter(t)
	stack := stacktest.New(t, "PUBLIC_URL="+proxy.url)
	proxy.serve(stack.Frontend.URL)
	journey(t, browser, stack, proxy.url)
}

// onLocalhost is the address of the page as make run prints it.
func onLocalhost(stack *stacktest.Stack) string {
	return strings.Replace(stack.Frontend.URL, "127.0.0.1", "localhost", 1)
}

// journey is the main job, end to end, at the address that the browser sees.
func journey(t *testing.T, browser *chromium.Browser, stack *stacktest.Stack, address string) {
	page := open(t, browser, desktop, address)
	database := stack.Database.Conn(t)
	page.checkAccessibility("signing in")

	began := time.Now()
	page.signUp("Ada Lovelace", email, password)
	checkThatTokensStayHidden(t, page, stack.Frontend.URL)
	page.wait("document.querySelector('[data-testid=count-total]').innerText === '0'")

	page.enter(named("add-title"), "call the plumber")
	page.click(named("add-details"))
	page.enter("[name=tags]", "home, phone")
	page.click("label:has([type=radio][value=low])")
	page.set("[name=day]", "2031-02-01")
	page.checkAccessibility("adding")
	page.click(named("add-submit"))
	page.shows(row(1, "todo-title"), "call the plumber")
	page.shows(named("toast"), "Added #1")

	page.say("add buy milk tomorrow, high priority", "Added #2")
	page.shows(row(2, "todo-title"), "buy milk")
	page.shows(row(2), "High")
	page.wait("document.querySelector('[data-testid=count-pending]').innerText === '2'")
	tomorrow := dueOf(t, database, 2)
	if first, last := dayAfter(began), dayAfter(time.Now()); tomorrow != first && tomorrow != last {
		t.Errorf("milk is due on %s, want the account's tomorrow: %s", tomorrow, last)
	}

	page.say("mark 1 done", "Done: #1")
	page.wait(has(1, "completed"))
	if got := eval[int](page, "document.body.innerText.split('answered by').length - 1"); got != 1 {
		t.Errorf("who answers is said %d times, want once: it has not changed", got)
	}
	page.click(named("chat-message") + ":last-child " + named("chat-undo"))
	page.wait(has(1, "pending"))
	page.shows(named("chat-message")+":last-child", "Taken back.")
	page.click(row(1, "todo-toggle"))
	page.wait(has(1, "completed"))
	page.shows(named("toast"), "Completed #1")

	page.click(row(2, "todo-delete"))
	page.lacks(row(2))
	page.shows(named("toast"), "Deleted #2")
	page.click(named("toast-undo"))
	page.wait(has(2, "pending"))
	page.checkAccessibility("the list")

	page.click(row(2, "todo-edit"))
	page.checkAccessibility("editing")
	page.enter(named("edit-title"), " and bread")
	page.click(named("edit-save"))
	page.lacks(named("edit-form"))
	page.shows(row(2, "todo-title"), "buy milk and bread")

	want := []todoRow{
		{1, "call the plumber", "completed", "low", "2031-02-01", []string{"home", "phone"}},
		{2, "buy milk and bread", "pending", "high", tomorrow, []string{}},
	}
	checkTodos(t, database, want)
	checkChanges(t, database, "created", "created", "completed", "reopened", "completed", "deleted", "restored", "updated")

	page.must(page.Reload())
	page.wait(has(1, "completed"))
	page.wait(has(2, "pending"))
	page.shows(named("chat-message"), "mark 1 done")

	page.click(named("profile"))
	page.click(named("sign-out"))
	page.wait("document.querySelector('[data-testid=sign-in]')")
	page.lacks(named("todo"))
	if left := page.cookies(); len(left) > 0 {
		t.Errorf("after signing out the browser holds %v, want no cookie", left)
	}
	page.signIn(email, password)
	page.wait(has(1, "completed"))
	page.shows(row(2, "todo-title"), "buy milk and bread")
	checkTodos(t, database, want)
}

// has is the condition that the list shows a todo in a status.
func has(number int, status string) string {
	return fmt.Sprintf("document.querySelector('%s[data-status=%s]')", row(number), status)
}

// checkThatTokensStayHidden looks for the tokens wherever scripts could.
func checkThatTokensStayHidden(t *testing.T, page *tab, frontend string) {
	t.Helper()
	port := frontend[strings.LastIndex(frontend, ":")+1:]
	cookies := page.cookies()
	for _, name := range []string{"todochat_access_" + port, "todochat_refresh_" + port} {
		c := cookies[name]
		if c == nil {
			t.Fatalf("there is no cookie %s among %v", name, cookies)
		}
		if !c.HTTPOnly || c.SameSite != "Lax" || c.Secure || c.Path != "/" || strings.Count(c.Value, ".") != 2 {
			t.Errorf("the cookie %s is HttpOnly=%t SameSite=%s Secure=%t Path=%s, want true, Lax, false, / and a token",
				name, c.HTTPOnly, c.SameSite, c.Secure, c.Path)
		}
	}
	if len(cookies) != 2 {
		t.Errorf("the browser holds %d cookies, want 2", len(cookies))
	}
	if got := eval[string](page, "document.cookie"); got != "" {
		t.Errorf("document.cookie is %q, want nothing", got)
	}
	answers, err := page.Answers()
	page.must(err)
	if len(answers) < 3 {
		t.Errorf("the page read %d answers, want those of signing up and of the list", len(answers))
	}
	inPage := eval[string](page, "JSON.stringify([{...localStorage}, {...sessionStorage}, document.documentElement.outerHTML])")
	for _, text := range append(answers, inPage) {
		for name, c := range cookies {
			if strings.Contains(text, c.Value) || strings.Contains(text, "access_token") || strings.Contains(text, "refresh_token") {
				t.Errorf("the page can read %s in:\n%s", name, text)
			}
		}
	}
}

func TestWithoutPublicURLTheProxyIsRefusedAndThePageSaysWhy(t *testing.T) {
	browser := startBrowser(t)
	proxy := newRewriter(t)
	stack := stacktest.New(t)
	proxy.serve(stack.Frontend.URL)
	page := open(t, browser, desktop, proxy.url)
	page.expect("403 (Forbidden) " + proxy.url + "/session")

	page.enter("[name=email]", email)
	page.enter("[name=password]", password)
	page.click(named("sign-in"))
	page.shows("[role=alert]", "PUBLIC_URL must name its origin")
	page.lacks(named("list-total"))
}

func TestAPhoneAddsByTalk(t *testing.T) {
	browser := startBrowser(t)
	stack := stacktest.New(t)
	page := open(t, browser, phone, onLocalhost(stack))
	page.checkAccessibility("signing in on a phone")
	page.signUp("Ada Lovelace", email, password)

	page.enter(named("add-title"), "water the plants\r")
	page.shows(row(1, "todo-title"), "water the plants")
	page.checkAccessibility("the list on a phone")

	page.click(named("chat-open"))
	page.checkAccessibility("the assistant on a phone")
	page.say("add buy milk tomorrow, high priority", "Added #2")
	page.say("mark 1 done", "Done: #1")
	page.click(named("chat-menu"))
	page.shows(named("conversation-open"), "add buy milk")
	page.checkAccessibility("the conversations on a phone")
	page.click(named("conversation-open"))
	page.click(named("chat-close"))
	page.wait(has(1, "completed"))
	page.wait(has(2, "pending"))
	page.checkAccessibility("the list on a phone, afterwards")
	if got := len(todosIn(t, stack.Database.Conn(t))); got != 2 {
		t.Errorf("the database holds %d todos, want 2", got)
	}
}

func TestTwoTabsThatRefreshAtOnceStaySignedIn(t *testing.T) {
	browser := startBrowser(t)
	stack := stacktest.New(t)
	first := open(t, browser, desktop, onLocalhost(stack))
	first.signUp("Ada Lovelace", email, password)
	second := open(t, browser, desktop, onLocalhost(stack))
	second.wait("document.querySelector('[data-testid=list-total]')")

	for name, c := range first.cookies() {
		if strings.HasPrefix(name, "todochat_access_") {
			first.must(first.DropCookie(c))
		}
	}
	const ask = `globalThis.statuses = Promise.all(Array.from({length: 8},
		(_, i) => fetch("/api/todos?limit=" + (i + 1), {cache: "no-store"}).then((r) => r.status))).then(String), true`
	for _, page := range []*tab{first, second} {
		eval[bool](page, ask) // without waiting for the answers
	}
	for _, page := range []*tab{first, second} {
		if got, want := eval[string](page, "statuses"), "200,200,200,200,200,200,200,200"; got != want {
			t.Errorf("a tab's requests are answered %s, want %s", got, want)
		}
	}

	var sessions, generation, revoked int
	err := stack.Database.Conn(t).QueryRow(t.Context(), `select count(*), max(generation), count(revoked_at) from todo.sessions`).
		Scan(&sessions, &generation, &revoked)
	if err != nil {
		t.Fatal(err)
	}
	if sessions != 1 || generation != 2 || revoked != 0 {
		t.Errorf("there are %d sessions of generation %d, %d revoked; want 1 of generation 2, none revoked", sessions, generation, revoked)
	}
	for _, page := range []*tab{first, second} {
		page.must(page.Reload())
		page.wait("document.querySelector('[data-testid=list-total]')")
	}
}

// rewriter is a reverse proxy at http://todo.test that tells the frontend its
// own name instead of the one the browser asked for, as many do.
type rewriter struct {
	url    string
	server *httptest.Server
}

func newRewriter(t *testing.T) *rewriter {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	return &rewriter{"http://todo.test" + address[strings.LastIndex(address, ":"):], server}
}

// serve starts the proxy in front of target.
func (p *rewriter) serve(target string) {
	to, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	p.server.Config.Handler = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	p.server.Start()
}

// todoRow is a todo as the database holds it.
type todoRow struct {
	Number   int
	Title    string
	Status   string
	Priority string
	Due      string
	Tags     []string
}

func todosIn(t *testing.T, database *pgx.Conn) []todoRow {
	t.Helper()
	rows, err := database.Query(context.Background(),
		`select number, title, status, priority, coalesce(due_on::text, ''), tags from todo.todos order by number`)
	if err != nil {
		t.Fatal(err)
	}
	todos, err := pgx.CollectRows(rows, pgx.RowToStructByPos[todoRow])
	if err != nil {
		t.Fatal(err)
	}
	return todos
}

func checkTodos(t *testing.T, database *pgx.Conn, want []todoRow) {
	t.Helper()
	if diff := cmp.Diff(want, todosIn(t, database)); diff != "" {
		t.Errorf("the database holds other todos (-want +got):\n%s", diff)
	}
}

func checkChanges(t *testing.T, database *pgx.Conn, want ...string) {
	t.Helper()
	rows, err := database.Query(context.Background(), `select kind from todo.changes order by seq`)
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("the database holds other changes (-want +got):\n%s", diff)
	}
}

func dueOf(t *testing.T, database *pgx.Conn, number int) string {
	t.Helper()
	for _, todo := range todosIn(t, database) {
		if todo.Number == number {
			return todo.Due
		}
	}
	t.Fatalf("there is no todo #%d in the database", number)
	return ""
}

// dayAfter is the day after at in the time zone of the journeys.
func dayAfter(at time.Time) string {
	zone, err := time.LoadLocation(desktop.Zone)
	if err != nil {
		panic(err)
	}
	return at.In(zone).AddDate(0, 0, 1).Format(time.DateOnly)
}
