package chromium

import "fmt"

// Step is something that a person does with a page, or waits for.
type Step func(*Tab) error

// Steps takes steps until one fails, and says which.
func (t *Tab) Steps(steps ...Step) error {
	for i, step := range steps {
		if err := step(t); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

// Going is the step of Go.
func Going(url string) Step { return func(t *Tab) error { return t.Go(url) } }

// Clicking is the step of Click.
func Clicking(selector string) Step { return func(t *Tab) error { return t.Click(selector) } }

// Typing is the step of Type.
func Typing(selector, text string) Step {
	return func(t *Tab) error { return t.Type(selector, text) }
}

// Waiting is the step of Wait.
func Waiting(condition string) Step { return func(t *Tab) error { return t.Wait(condition) } }

// Saying waits until an element of the page contains a text.
func Saying(selector, text string) Step {
	return Waiting(fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.innerText.includes(%q))", selector, text))
}
