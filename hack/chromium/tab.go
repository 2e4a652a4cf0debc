package chromium

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Screen is what a tab is looked at on.
type Screen struct {
	Width, Height int64 // CSS pixels
	Phone         bool  // a touch screen, and a page laid out for one
	Dark          bool
	Zone          string // of its clock; empty means the machine's
}

// Tab is a page in a browser.
type Tab struct {
	ctx   context.Context // chromedp's handle of the tab, not a request's
	phone bool

	mu         sync.Mutex
	complaints []string
	answers    []network.RequestID
}

// helpers are what each page gets to know first: how to wait and to point,
// and to report what its policy refuses.
//
//go:embed helpers.js
var helpers string

// Open opens a tab. Tabs of a browser share its cookies.
func (b *Browser) Open(s Screen) (*Tab, error) {
	t := &Tab{}
	t.ctx, _ = chromedp.NewContext(b.ctx, chromedp.WithListener(t.hear))
	// No timeout on the first step either: the tab would close with it.
	if err := chromedp.Do(t.ctx); err != nil {
		return nil, fmt.Errorf("open a tab: %w", err)
	}
	return t, errors.Join(
		t.Do("prepare the tab", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			return chromedp.Void{}, send(ctx, target, page.AddScriptToEvaluateOnNewDocument,
				page.AddScriptToEvaluateOnNewDocumentParams{Source: helpers})
		}),
		t.LookOn(s),
	)
}

// LookOn changes what the tab is looked at on.
func (t *Tab) LookOn(s Screen) error {
	t.phone = s.Phone
	return t.Do("change the screen", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		return chromedp.Void{}, errors.Join(
			send(ctx, target, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
				Width: s.Width, Height: s.Height, DeviceScaleFactor: 1, Mobile: s.Phone,
			}),
			send(ctx, target, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: s.Phone}),
			send(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: mediaOf(s)}),
			send(ctx, target, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: s.Zone}),
		)
	})
}

func mediaOf(s Screen) []*emulation.MediaFeature {
	scheme := "light"
	if s.Dark {
		scheme = "dark"
	}
	return []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme},
		{Name: "prefers-reduced-motion", Value: "reduce"},
	}
}

func send[P, R any](ctx context.Context, target *chromedp.Target, command cdp.Command[P, R], params P) error {
	_, err := cdp.Call(ctx, target, command, params)
	return err
}

// hear collects what the page complains of: errors and warnings on its
// console, exceptions, requests that failed.
func (t *Tab) hear(event any) {
	var said string
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type != runtime.ConsoleAPICalledTypeError && e.Type != runtime.ConsoleAPICalledTypeWarning && e.Type != runtime.ConsoleAPICalledTypeAssert {
			return
		}
		words := []string{"console." + string(e.Type)}
		for _, argument := range e.Args {
			words = append(words, strings.Trim(string(argument.Value), `"`), argument.Description)
		}
		said = strings.Join(words, " ")
	case *runtime.EventExceptionThrown:
		said = "exception: " + e.ExceptionDetails.Text
		if thrown := e.ExceptionDetails.Exception; thrown != nil {
			said += " " + thrown.Description
		}
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelError && e.Entry.Level != log.EntryLevelWarning {
			return
		}
		said = fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeFetch || e.Type == network.ResourceTypeXHR {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.answers = append(t.answers, e.RequestID)
		}
		return
	default:
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.complaints = append(t.complaints, said)
}

// Complaints returns what the page has complained of so far.
func (t *Tab) Complaints() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.complaints)
}

// Answers returns the bodies of all answers that the page's scripts have read
// since it was opened. A reload forgets those before it.
func (t *Tab) Answers() ([]string, error) {
	t.mu.Lock()
	ids := slices.Clone(t.answers)
	t.mu.Unlock()
	var bodies []string
	for _, id := range ids {
		got, err := Run(t, "read an answer", func(ctx context.Context, target *chromedp.Target) (network.GetResponseBodyResult, error) {
			return cdp.Call(ctx, target, network.GetResponseBody, network.GetResponseBodyParams{RequestID: id})
		})
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, string(got.Body))
	}
	return bodies, nil
}

// Cookies returns those that the browser would send to the page.
func (t *Tab) Cookies() ([]*network.Cookie, error) {
	got, err := Run(t, "read the cookies", func(ctx context.Context, target *chromedp.Target) (network.GetCookiesResult, error) {
		return cdp.Call(ctx, target, network.GetCookies, network.GetCookiesParams{})
	})
	return got.Cookies, err
}

// DropCookie makes the browser forget a cookie of the page.
func (t *Tab) DropCookie(c *network.Cookie) error {
	return t.Do("drop a cookie", func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		return chromedp.Void{}, send(ctx, target, network.DeleteCookies,
			network.DeleteCookiesParams{Name: c.Name, Domain: c.Domain, Path: c.Path})
	})
}

// Run carries out an action and names it in its error.
func Run[T any](t *Tab, what string, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeoutCause(t.ctx, patience, fmt.Errorf("it took longer than %v", patience))
	defer cancel()
	out, err := chromedp.Run(ctx, action)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return out, fmt.Errorf("%s: %w", what, err)
	}
	return out, nil
}

// Do carries out an action without a result.
func (t *Tab) Do(what string, action chromedp.Action[chromedp.Void]) error {
	_, err := Run(t, what, action)
	return err
}

// Go opens an address.
func (t *Tab) Go(url string) error { return t.Do("open "+url, chromedp.Navigate(url)) }

// Reload opens the same address again.
func (t *Tab) Reload() error {
	t.mu.Lock()
	t.answers = nil
	t.mu.Unlock()
	return t.Do("reload", chromedp.Reload())
}

// Eval returns the value of a JavaScript expression, awaited if it is a promise.
func Eval[T any](t *Tab, expression string) (T, error) {
	return Run(t, "evaluate "+expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Wait waits until a JavaScript expression is true.
func (t *Tab) Wait(condition string) error {
	_, err := Run(t, "wait until "+condition, chromedp.Evaluate[bool](
		fmt.Sprintf("journey.until(() => !!(%s), %d)", condition, inPage), chromedp.EvalAwaitPromise))
	return err
}

// inPage is the patience of what waits in the page, in milliseconds: a little
// less than that for the step, so that its reason is the one that is told.
const inPage = int64(patience/1e6) - 1000

// Click clicks the one element that matches a CSS selector, or taps it on a
// phone, once it can be: it is in view, at rest, enabled, and nothing covers it.
func (t *Tab) Click(selector string) error {
	type point struct{ X, Y float64 }
	at, err := Run(t, "click "+selector, chromedp.Evaluate[point](
		fmt.Sprintf("journey.point(%s, %d)", literal(selector), inPage), chromedp.EvalAwaitPromise))
	if err != nil {
		return err
	}
	if t.phone {
		return t.Do("tap "+selector, chromedp.TapXY(at.X, at.Y))
	}
	return t.Do("click "+selector, chromedp.MouseClickXY(at.X, at.Y))
}

// Type clicks an input and types into it; "\r" is the Enter key.
func (t *Tab) Type(selector, text string) error {
	if err := t.Click(selector); err != nil {
		return err
	}
	return t.Do("type into "+selector, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		for _, r := range text {
			for _, event := range strokes(r) {
				if err := send(ctx, target, input.DispatchKeyEvent, *event); err != nil {
					return chromedp.Void{}, err
				}
			}
		}
		return chromedp.Void{}, nil
	})
}

// strokes are the events of one key. The character goes with the key: sent as
// an event of its own, as chromedp does, it arrives even where the page has
// handled the key and wants no character.
func strokes(r rune) []*input.DispatchKeyEventParams {
	events := kb.Encode(r)
	if len(events) < 3 {
		return events
	}
	down, char, up := events[0], events[1], events[2]
	down.Text, down.UnmodifiedText = char.Text, char.UnmodifiedText
	return []*input.DispatchKeyEventParams{down, up}
}

// Set gives a select or a date input its value, as choosing does.
func (t *Tab) Set(selector, value string) error {
	if err := t.Wait("document.querySelector(" + literal(selector) + ")"); err != nil {
		return err
	}
	_, err := Run(t, "set "+selector, chromedp.Evaluate[bool](
		fmt.Sprintf("journey.set(%s, %s)", literal(selector), literal(value))))
	return err
}

// PNG is what the tab looks like.
func (t *Tab) PNG() ([]byte, error) { return Run(t, "take a screenshot", chromedp.CaptureScreenshot()) }

// literal is s as JavaScript writes it.
func literal(s string) string {
	out, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("a string is not JSON: %v", err))
	}
	return string(out)
}
