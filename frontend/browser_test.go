package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/todochat/todochat/hack/chromium"
)

// desktop and phone are the screens of the journeys. The clock is not the
// machine's, so that whatever should happen in the account's time zone does.
var (
	desktop = chromium.Screen{Width: 1360, Height: 850, Zone: "Asia/Kolkata"}
	phone   = chromium.Screen{Width: 390, Height: 844, Phone: true, Zone: "Asia/Kolkata"}
)

// startBrowser starts a Chromium that finds todo.test on this machine.
func startBrowser(t *testing.T) *chromium.Browser {
	t.Helper()
	b, err := chromium.Start(context.Background(), chromium.Options{Flags: map[string]any{"host-resolver-rules": "MAP todo.test 127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

// tab is a page that a test looks at. A step that fails ends the test, with a
// picture of what was there instead.
type tab struct {
	*chromium.Tab
	t       *testing.T
	screen  chromium.Screen
	allowed []string // what the page may complain of, since the test causes it
}

// open opens a page, which must not complain by the end of the test.
func open(t *testing.T, b *chromium.Browser, s chromium.Screen, url string) *tab {
	t.Helper()
	page, err := b.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	v := &tab{Tab: page, t: t, screen: s}
	// Who is not signed in learns it by a 401, and Chromium writes a line about each.
	v.expect("401 (Unauthorized) " + url + "/api/auth/me")
	t.Cleanup(func() {
		for _, complaint := range page.Complaints() {
			if !slices.ContainsFunc(v.allowed, func(s string) bool { return strings.Contains(complaint, s) }) {
				t.Errorf("the page complains: %s", complaint)
			}
		}
	})
	v.must(page.Go(url + "/"))
	v.wait("document.querySelector('main')")
	return v
}

// expect allows a complaint that contains text.
func (v *tab) expect(text string) {
	v.allowed = append(v.allowed, text)
}

func (v *tab) must(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatalf("%v\n%s", err, v.evidence())
	}
}

// evidence says what the page looks like.
func (v *tab) evidence() string {
	text, err := chromium.Eval[string](v.Tab, "location.href + '\\n' + document.body.innerText")
	if err != nil {
		text = err.Error()
	}
	picture, err := v.PNG()
	if err != nil {
		return fmt.Sprintf("the page says:\n%s\nno screenshot: %v", text, err)
	}
	path := filepath.Join(os.TempDir(), "todochat-"+strings.ReplaceAll(v.t.Name(), "/", "-")+".png")
	if err := os.WriteFile(path, picture, 0o600); err != nil {
		return fmt.Sprintf("the page says:\n%s\nno screenshot: %v", text, err)
	}
	return fmt.Sprintf("the page says:\n%s\nscreenshot: %s", text, path)
}

// named is the selector of a part of the page by its test id.
func named(id string) string { return fmt.Sprintf("[data-testid=%q]", id) }

// row is the selector of a todo, or of a part of it.
func row(number int, part ...string) string {
	s := fmt.Sprintf("[data-testid=todo][data-number=\"%d\"]", number)
	for _, id := range part {
		s += " " + named(id)
	}
	return s
}

func (v *tab) click(selector string)       { v.t.Helper(); v.must(v.Click(selector)) }
func (v *tab) enter(selector, text string) { v.t.Helper(); v.must(v.Type(selector, text)) }
func (v *tab) set(selector, value string)  { v.t.Helper(); v.must(v.Set(selector, value)) }
func (v *tab) wait(condition string)       { v.t.Helper(); v.must(v.Wait(condition)) }

// shows waits until an element is there whose text contains text.
func (v *tab) shows(selector, text string) {
	v.t.Helper()
	v.wait(fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.innerText.includes(%q))", selector, text))
}

// lacks waits until no element matches.
func (v *tab) lacks(selector string) {
	v.t.Helper()
	v.wait(fmt.Sprintf("!document.querySelector(%q)", selector))
}

// eval is a function, since methods have no type parameters of their own.
func eval[T any](v *tab, expression string) T {
	v.t.Helper()
	out, err := chromium.Eval[T](v.Tab, expression)
	v.must(err)
	return out
}

func (v *tab) signUp(name, email, password string) {
	v.t.Helper()
	v.click(named("to-sign-up"))
	v.enter("[name=name]", name)
	v.enter("[name=email]", email)
	v.enter("[name=password]", password)
	v.click(named("sign-up"))
	v.wait("document.querySelector('[data-testid=list-total]')")
}

func (v *tab) signIn(email, password string) {
	v.t.Helper()
	v.enter("[name=email]", email)
	v.enter("[name=password]", password+"\r")
	v.wait("document.querySelector('[data-testid=list-total]')")
}

// say tells the assistant something and waits for a whole answer that contains
// reply.
func (v *tab) say(message, reply string) {
	v.t.Helper()
	before := eval[int](v, "document.querySelectorAll('[data-testid=chat-message]').length")
	v.enter(named("chat-input"), message+"\r")
	v.wait(fmt.Sprintf("document.querySelectorAll('[data-testid=chat-message]').length === %d", before+2))
	v.shows(named("chat-message")+":last-child:not([aria-busy=true])", reply)
}

// cookies are those of the page, by the names that they must have.
func (v *tab) cookies() map[string]*network.Cookie {
	v.t.Helper()
	list, err := v.Cookies()
	v.must(err)
	byName := make(map[string]*network.Cookie, len(list))
	for _, c := range list {
		byName[c.Name] = c
	}
	return byName
}

// controls are the roles of what people operate, as Chromium names them. Each
// must have a name that can be spoken.
var controls = []string{
	"button", "checkbox", "combobox", "ComboBoxMenuButton", "Date", "DateTime", "InputTime", "link", "listbox", "radio",
	"searchbox", "slider", "spinbutton", "switch", "tab", "textbox", "ComboBoxSelect",
}

// checkAccessibility checks the page as it is now: everything that can be
// operated has a name, the document is in order, and axe-core finds no barrier,
// by day and by night.
func (v *tab) checkAccessibility(where string) {
	v.t.Helper()
	tree, err := chromium.Run(v.Tab, "read the accessibility tree", func(ctx context.Context, target *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
		return cdp.Call(ctx, target, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	})
	v.must(err)
	seen := 0
	for _, node := range tree.Nodes {
		if node.Ignored || !slices.Contains(controls, spoken(node.Role)) {
			continue
		}
		seen++
		if spoken(node.Name) == "" {
			v.t.Errorf("%s: a %s has no accessible name (node %v)", where, spoken(node.Role), node.BackendDOMNodeID)
		}
	}
	if seen == 0 {
		v.t.Errorf("%s: there is nothing to operate among %d nodes", where, len(tree.Nodes))
	}
	for want, got := range map[string]string{
		"the language en":          eval[string](v, "'the language ' + document.documentElement.lang"),
		"1 h1":                     eval[string](v, "document.querySelectorAll('h1').length + ' h1'"),
		"no positive tabindex":     eval[string](v, "[...document.querySelectorAll('[tabindex]')].find((e) => e.tabIndex > 0)?.outerHTML ?? 'no positive tabindex'"),
		"no id twice":              eval[string](v, "[...document.querySelectorAll('[id]')].map((e) => e.id).find((id, i, all) => all.indexOf(id) !== i) ?? 'no id twice'"),
		"no sideways scrolling":    eval[string](v, "document.documentElement.scrollWidth > innerWidth ? 'scrolls sideways' : 'no sideways scrolling'"),
		"no level of heading left": eval[string](v, headingGap),
	} {
		if got != want {
			v.t.Errorf("%s: the document has %q, want %q", where, got, want)
		}
	}
	for _, dark := range []bool{!v.screen.Dark, v.screen.Dark} {
		screen := v.screen
		screen.Dark = dark
		v.must(v.LookOn(screen))
		barriers, err := v.Barriers()
		v.must(err)
		for _, barrier := range barriers {
			v.t.Errorf("%s, dark %t: %s", where, dark, barrier)
		}
	}
}

// headingGap finds a heading that is more than one level below the one before.
const headingGap = `(() => {
	let level = 0;
	for (const h of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
		if (!h.checkVisibility()) continue;
		const next = Number(h.tagName[1]);
		if (level > 0 && next > level + 1) return h.outerHTML;
		level = next;
	}
	return "no level of heading left";
})()`

func spoken(value *accessibility.Value) string {
	if value == nil {
		return ""
	}
	return strings.TrimSpace(strings.Trim(string(value.Value), `"`))
}
