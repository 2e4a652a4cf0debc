package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/todochat/todochat/internal/ollamatest"
	"github.com/todochat/todochat/internal/stacktest"
)

// last is the selector of the newest message, or of a part of it.
func last(part ...string) string {
	s := named("chat-message") + ":last-child"
	for _, id := range part {
		s += " " + named(id)
	}
	return s
}

// told waits until a screen reader is told what contains text.
func (v *tab) told(text string) {
	v.t.Helper()
	v.shows(named("chat-told"), text)
}

func TestAConversationIsKeptNamedAndForgotten(t *testing.T) {
	browser := startBrowser(t)
	stack := stacktest.New(t)
	page := open(t, browser, desktop, onLocalhost(stack))
	page.signUp("Ada Lovelace", email, password)
	page.shows(named("chat-languages"), "Commands in English.")
	page.checkAccessibility("before anything is said")

	for n, title := range []string{"sweep", "dust", "mop", "call the plumber"} {
		page.say("add "+title, fmt.Sprintf("Added #%d", n+1))
	}
	page.told("Added #4")
	page.shows(named("chat-title"), "add sweep")
	page.say("complete 1, 2 and 3", "Done:")
	page.wait(has(3, "completed"))
	page.shows(last("chat-undo"), "Undo all 3")
	page.say("delete everything that is done", "This would delete 3 todos")
	page.shows(last("chat-confirm"), "Delete 3")
	page.checkAccessibility("a proposal")
	page.click(named("chat-confirm"))
	page.lacks(row(1))
	page.lacks(named("chat-confirm"))
	page.wait("document.activeElement.id === 'chat-log'")
	page.click(last("chat-undo"))
	page.wait(has(3, "completed"))
	page.shows(last(), "Taken back.")
	page.say("delete 4", "Deleted #4")
	page.lacks(row(4))

	page.click(named("chat-menu"))
	page.shows(named("conversation"), "add sweep")
	page.click(named("conversation-rename"))
	page.checkAccessibility("renaming")
	page.set(named("conversation-title"), "Spring cleaning")
	page.click(named("conversation-save"))
	page.wait("document.querySelector('[data-testid=chat-title]').innerText === 'Spring cleaning'")
	page.shows(named("conversation-open"), "Spring cleaning")
	page.click(named("conversation-rename"))
	page.enter(named("conversation-title"), "no\x1b") // Escape
	page.lacks(named("conversation-title"))
	page.wait("document.activeElement.dataset.testid === 'conversation-rename'")
	page.shows(named("conversation-open"), "Spring cleaning")
	page.checkAccessibility("the conversations")

	page.must(page.Reload())
	page.shows(named("chat-title"), "Spring cleaning")
	page.shows(named("chat-message"), "complete 1, 2 and 3")
	if got := eval[int](page, "document.querySelectorAll('[data-testid=chat-confirm]').length"); got != 0 {
		t.Errorf("after a reload %d offers are open, want none: it was confirmed", got)
	}
	if got := eval[int](page, "sessionStorage.length + Object.values(sessionStorage).join('').length"); got != 37 {
		t.Errorf("sessionStorage holds %d, want one id", got)
	}
	page.say("undo", "#4") // which it is, only the conversation knows
	page.wait(has(4, "pending"))
	page.say("mark it done", "Done: #4")
	page.wait(has(4, "completed"))

	page.click(named("chat-new"))
	page.shows(named("chat-title"), "Assistant")
	page.lacks(named("chat-message"))
	page.say("list everything", "#1")
	page.click(named("chat-menu"))
	page.wait("document.querySelectorAll('[data-testid=conversation]').length === 2")
	page.click("[aria-current=true] ~ " + named("conversation-delete"))
	page.checkAccessibility("deleting")
	page.click(named("conversation-delete-yes"))
	page.wait("document.querySelectorAll('[data-testid=conversation]').length === 1")
	page.wait("document.activeElement.id === 'conversations-title'")
	page.click(named("conversation-open"))
	page.shows(named("chat-message"), "mark it done")
	page.shows(named("chat-title"), "Spring cleaning")

	page.click(named("chat-menu"))
	page.click(named("conversation-delete"))
	page.click(named("conversation-delete-yes"))
	page.lacks(named("conversation"))
	page.click(named("chat-menu"))
	page.wait("document.querySelector('[data-testid=chat-example]')?.checkVisibility()")
	page.must(page.Reload())
	page.wait(has(4, "completed"))
	page.wait("document.querySelector('[data-testid=chat-example]')")
	page.lacks(named("chat-message"))
}

func TestEarlierMessagesAreShownWhenAskedFor(t *testing.T) {
	browser := startBrowser(t)
	stack := stacktest.New(t)
	page := open(t, browser, desktop, onLocalhost(stack))
	page.signUp("Ada Lovelace", email, password)
	page.say("add sweep", "Added #1")
	const talk = `(async () => {
		for (let n = 2; n <= 30; n++) {
			const said = {message: "add todo " + n, conversation_id: sessionStorage.getItem("todochat.conversation")};
			const answer = await fetch("/api/chat", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(said)});
			if (!answer.ok) return await answer.text();
		}
		return "";
	})()`
	if got := eval[string](page, talk); got != "" {
		t.Fatal(got)
	}
	page.must(page.Reload())
	page.wait("document.querySelectorAll('[data-testid=chat-message]').length === 50")
	page.shows(last(), "Added #30")
	// Where the message is that was the first, below the top of the log.
	const first = `(() => {
		const first = [...document.querySelectorAll("[data-role=user]")].find((m) => m.innerText.includes("add todo 6"));
		return first.getBoundingClientRect().top - document.querySelector(".chat-log").getBoundingClientRect().top;
	})()`
	page.click(named("chat-older")) // which scrolls there
	page.wait("document.querySelectorAll('[data-testid=chat-message]').length === 60")
	page.lacks(named("chat-older"))
	if got := eval[float64](page, first); got < 0 || got > 150 {
		t.Errorf("after loading earlier messages the first one before is at %v, want it to stay in view", got)
	}
	page.checkAccessibility("a long conversation")
}

func TestAModelsAnswerStreamsAndCanBeStopped(t *testing.T) {
	browser := startBrowser(t)
	ollama := startGate(t)
	stack := stacktest.New(t, "CHAT_MODEL=tiny", "OLLAMA_HOST="+ollama.url)
	page := open(t, browser, desktop, onLocalhost(stack))
	page.signUp("Ada Lovelace", email, password)
	page.shows(named("chat-languages"), "free questions in any language that tiny speaks")
	page.say("add renew the passport", "Added #1")

	page.enter(named("chat-input"), "what should I do first?\r")
	page.shows(named("chat-stage"), "Understood: a question…")
	ollama.pass(10)
	const words = `(document.querySelector(".saying")?.innerText.length ?? 0)`
	page.wait(words + " > 0")
	some := eval[int](page, words)
	ollama.pass(20)
	page.wait(fmt.Sprintf("%s > %d", words, some))
	if got := eval[string](page, "document.querySelector('[data-testid=chat-told]').innerText"); got != "Added #1 renew the passport." {
		t.Errorf("while an answer comes a screen reader is told %q, want nothing new", got)
	}
	page.checkAccessibility("an answer under way")
	page.click(named("chat-stop"))
	page.shows(last("chat-stopped"), "Stopped.")
	page.told("Stopped.")
	if got := eval[int](page, "document.querySelector('[data-testid=chat-message]:last-child .bubble').innerText.length"); got < some {
		t.Errorf("%d characters are left of an answer of %d", got, some)
	}
	ollama.open()

	page.enter(named("chat-input"), "how many todos are open?\r")
	page.shows(last(), "1 todo open; 0 done.")
	page.told("1 todo open; 0 done.")
	page.say("mark 1 done", "Done: #1") // the conversation goes on
	page.wait(has(1, "completed"))

	for _, plan := range []string{"my move to Lisbon", "my thesis", "my garden", "my wedding", "the garden party", "the kitchen renovation"} {
		page.say("plan "+plan, "") // a model that knows nothing may not come to an end
		if eval[bool](page, "!!document.querySelector('[data-testid=chat-confirm]')") {
			break
		}
	}
	offer := eval[string](page, "document.querySelector('[data-testid=chat-confirm]').innerText")
	var steps int
	if _, err := fmt.Sscanf(offer, "Add %d", &steps); err != nil {
		t.Fatalf("the offer of steps says %q", offer)
	}
	page.click(named("chat-confirm"))
	page.shows(last("chat-undo"), fmt.Sprintf("Undo all %d", steps))
}

// gate is a real Ollama whose answers pass as the test allows.
type gate struct {
	url  string
	pace chan struct{}
	open func()
}

// startGate starts an Ollama that has the model tiny.
func startGate(t *testing.T) *gate {
	host := ollamatest.Start(t).Host
	ollamatest.Create(t, host, "tiny", ollamatest.TinyModel(t, 2))
	g := &gate{pace: make(chan struct{}, 100)}
	g.open = sync.OnceFunc(func() { close(g.pace) })
	server := httptest.NewServer(&httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: host}) },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.URL.Path == "/api/chat" {
				r.Body = &gated{r.Body, g.pace}
			}
			return nil
		},
	})
	t.Cleanup(server.Close)
	t.Cleanup(g.open)
	g.url = server.URL
	return g
}

// pass lets so many pieces of an answer pass.
func (g *gate) pass(pieces int) {
	for range pieces {
		g.pace <- struct{}{}
	}
}

type gated struct {
	io.ReadCloser
	pace <-chan struct{}
}

func (g *gated) Read(b []byte) (int, error) {
	<-g.pace
	return g.ReadCloser.Read(b[:min(len(b), 64)])
}

func TestAMissingModelIsGotFromThePage(t *testing.T) {
	browser := startBrowser(t)
	registry := ollamatest.StartRegistry(t, ollamatest.TinyModel(t, 40))
	registry.Behave(250*time.Millisecond, 1)
	host := ollamatest.Start(t, registry.Env).Host
	stack := stacktest.New(t, "CHAT_MODEL="+registry.Model, "OLLAMA_HOST="+host)
	page := open(t, browser, desktop, onLocalhost(stack))
	page.signUp("Ada Lovelace", email, password)

	page.click(named("chat-languages") + " button")
	page.wait("document.querySelector('[data-testid=model][data-state=missing]')")
	page.checkAccessibility("a model is missing")
	page.click(named("model-get"))
	page.shows(named("model-progress"), "MB")
	page.checkAccessibility("a model is on its way")
	before := eval[float64](page, "document.querySelector('[data-testid=model] progress').value")

	page.must(page.Reload())
	page.click(named("chat-menu"))
	page.click(named("models") + " summary")
	page.wait(fmt.Sprintf("document.querySelector('[data-testid=model][data-state=pulling] progress')?.value >= %v", before))
	page.wait("document.querySelector('[data-testid=model][data-state=present]')")
	page.shows(named("chat-languages"), "free questions in any language")
	page.lacks(named("model-get"))
	page.checkAccessibility("a model is there")
}

func TestAModelThatCannotBeGotIsSpokenOf(t *testing.T) {
	browser := startBrowser(t)
	registry := ollamatest.StartRegistry(t, ollamatest.TinyModel(t, 2))
	host := ollamatest.Start(t, registry.Env).Host
	stack := stacktest.New(t, "CHAT_MODEL="+strings.Replace(registry.Model, "tiny", "none", 1), "OLLAMA_HOST="+host)
	page := open(t, browser, desktop, onLocalhost(stack))
	page.signUp("Ada Lovelace", email, password)
	page.click(named("chat-menu"))
	page.click(named("models") + " summary")
	page.click(named("model-get"))
	page.shows(named("model")+" [role=alert]", "The registry has no model of this name")
	page.shows(named("model-get"), "Try again")
	page.checkAccessibility("a model that there is not")
	page.must(page.Reload())
	page.click(named("chat-menu"))
	page.click(named("models") + " summary")
	page.shows(named("model")+" [role=alert]", "The registry has no model of this name") // the server remembers
}

func TestThePageWorksWhileChatIsAway(t *testing.T) {
	browser := startBrowser(t)
	stack := stacktest.New(t)
	page := open(t, browser, desktop, onLocalhost(stack))
	page.expect("503 (Service Unavailable)")
	page.signUp("Ada Lovelace", email, password)
	page.say("add sweep", "Added #1")
	if stack.Chat.Stop(syscall.SIGTERM, 10*time.Second) {
		t.Fatal("chat does not stop")
	}

	page.enter(named("chat-input"), "add dust\r")
	page.shows("[role=alert]", "does not answer right now")
	page.wait("document.querySelector('[data-testid=chat-input]').value === 'add dust'")
	page.wait("document.querySelectorAll('[data-testid=chat-message]').length === 2")
	page.checkAccessibility("chat is away")
	page.click(named("chat-menu"))
	page.shows(".conversations [role=alert]", "Try again")
	page.must(page.Reload())
	page.shows(".chat-log [role=alert]", "Try again")
	page.enter(named("add-title"), "mop\r")
	page.shows(row(2, "todo-title"), "mop")
}

func TestThePageSaysThatRulesStandInForAModel(t *testing.T) {
	browser := startBrowser(t)
	stack := stacktest.New(t, "INTERPRETER=ollama:tiny", "CHAT_MODEL=tiny", "OLLAMA_HOST=127.0.0.1:1")
	page := open(t, browser, desktop, onLocalhost(stack))
	page.signUp("Ada Lovelace", email, password)
	page.say("add sweep", "Added #1")
	page.shows(last("chat-notice"), "The language model does not answer right now, so I read this by simple rules.")
	page.wait("document.querySelector('[data-testid=chat-message]:last-child .bubble').innerText === 'Added #1 sweep.'")
	page.click(named("chat-menu"))
	page.click(named("models") + " summary")
	page.wait("document.querySelector('[data-testid=model][data-state=unknown]')")
	page.shows(named("model"), "Ollama does not answer")
	page.checkAccessibility("models of an Ollama that is away")
}

func TestAnAnswerThatBreaksOffIsAskedForAgain(t *testing.T) {
	browser := startBrowser(t)
	proxy := newRewriter(t)
	stack := stacktest.New(t, "PUBLIC_URL="+proxy.url)
	proxy.serve(stack.Frontend.URL)
	var breaks atomic.Int64
	proxy.server.Config.Handler.(*httputil.ReverseProxy).ModifyResponse = func(r *http.Response) error {
		if r.Header.Get("Content-Type") == "text/event-stream" && breaks.Add(1)%2 == 1 {
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(r.Body, 150), r.Body}
		}
		return nil
	}
	page := open(t, browser, desktop, proxy.url)
	page.signUp("Ada Lovelace", email, password)
	page.say("add sweep", "Added #1")
	page.say("add dust", "Added #2")
	page.say("delete all", "This would delete 2 todos")
	page.click(named("chat-confirm"))
	page.lacks(row(1))
	page.shows(last(), "Deleted")
	if got := breaks.Load(); got != 8 {
		t.Errorf("there were %d answers, want each of 4 to be asked for twice", got)
	}
	checkChanges(t, stack.Database.Conn(t), "created", "created", "deleted", "deleted")
}
