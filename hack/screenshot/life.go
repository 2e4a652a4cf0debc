package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/todochat/todochat/hack/chromium"
)

// zone is where the person of the pictures lives.
const zone = "Europe/Lisbon"

// thing is something to be done, due some days from now.
type thing struct {
	title       string
	description string
	priority    string
	days        int // from today; ignored unless dated
	clock       string
	dated       bool
	tags        []string
	done        bool
}

// things are what the list holds, the oldest first.
var things = []thing{
	{title: "Water the plants", priority: "low", tags: []string{"home"}, done: true},
	{title: "Pay the electricity bill", dated: true, days: -3, tags: []string{"home"}, done: true},
	{title: "Cancel the old gym membership", done: true},
	{title: "Renew the passport", description: "Two photos, the old one, and the form.", dated: true, days: 12, tags: []string{"travel", "paperwork"}},
	{title: "Fix the dripping tap in the kitchen", priority: "low", tags: []string{"home"}},
	{title: "Find a birthday present", dated: true, days: 5, tags: []string{"family"}},
	{title: "Call the dentist", dated: true, tags: []string{"health"}},
	{title: "Book the train to Porto", dated: true, days: 3, tags: []string{"travel"}},
	{title: "Slides for the design review", description: "Where we are, what we learnt, what comes next.", priority: "high", dated: true, days: 1, clock: "10:00", tags: []string{"work"}},
	{title: "Send the invoice for January", priority: "high", dated: true, days: -1, tags: []string{"work"}},
}

// talk is what is said to the assistant, and what must be in its answer.
var talk = []struct{ message, reply string }{
	{"add buy milk tomorrow, high priority", "Added #11"},
	{"mark 8 done", "Done: #8"},
	{"delete everything that is done", "This would delete 4 todos"},
}

// live signs up, fills the list and talks, in the page.
func live(tab *chromium.Tab, address string, now time.Time) error {
	operations, err := operationsFor(now)
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error { return tab.Go(address) },
		func() error { return tab.Click("[data-testid=to-sign-up]") },
		func() error { return tab.Type("[name=name]", "Demo") },
		func() error { return tab.Type("[name=email]", "demo@example.com") },
		func() error { return tab.Type("[name=password]", "a long and winding road") },
		func() error { return tab.Click("[data-testid=sign-up]") },
		func() error { return tab.Wait("document.querySelector('[data-testid=list-total]')") },
		func() error { return fill(tab, operations) },
		tab.Reload,
		func() error { return tab.Wait("document.querySelector('[data-testid=todo]')") },
	}
	for i, turn := range talk {
		steps = append(steps,
			func() error { return tab.Type("[data-testid=chat-input]", turn.message+"\r") },
			func() error {
				return tab.Wait(fmt.Sprintf(`(document.querySelectorAll("[data-testid=chat-message]:not([aria-busy=true])")[%d]?.innerText ?? "").includes(%q)`, 2*i+1, turn.reply))
			})
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// fill sends operations from the page, with its session.
func fill(tab *chromium.Tab, operations string) error {
	answer, err := chromium.Eval[string](tab, fmt.Sprintf(
		`fetch("/api/todos/batch", {method: "POST", headers: {"Content-Type": "application/json"}, body: %q})
			.then(async (r) => r.ok ? "" : r.status + " " + await r.text())`, operations))
	if err == nil && answer != "" {
		err = fmt.Errorf("fill the list: %s", answer)
	}
	return err
}

// operationsFor is the batch that makes things, as of now.
func operationsFor(now time.Time) (string, error) {
	lisbon, err := time.LoadLocation(zone)
	if err != nil {
		return "", fmt.Errorf("find the time zone: %w", err)
	}
	today := now.In(lisbon)
	var operations []map[string]any
	for _, it := range things {
		created := map[string]any{"title": it.title}
		if it.description != "" {
			created["description"] = it.description
		}
		if it.priority != "" {
			created["priority"] = it.priority
		}
		if it.tags != nil {
			created["tags"] = it.tags
		}
		if it.dated {
			due := today.AddDate(0, 0, it.days).Format(time.DateOnly)
			if it.clock != "" {
				at, err := time.ParseInLocation("2006-01-02 15:04", due+" "+it.clock, lisbon)
				if err != nil {
					return "", fmt.Errorf("%s: %w", it.title, err)
				}
				due = at.Format(time.RFC3339)
			}
			created["due"] = due
		}
		if it.done {
			created["status"] = "completed"
		}
		operations = append(operations, map[string]any{"op": "create", "todo": created})
	}
	body, err := json.Marshal(map[string]any{"operations": operations})
	return string(body), err
}
