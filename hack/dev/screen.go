package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// screen is all that we print: our own lines, progress, and the programs' logs.
// The logs are held back until open, so that the page's address is the first
// address to be seen.
type screen struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	color    bool
	opened   bool
	held     [][]byte
	status   bool // the last line is a progress line, to be written over
}

func newScreen(out *os.File, getenv func(string) string) *screen {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && getenv("TERM") != "dumb"
	return &screen{out: out, terminal: terminal, color: terminal && getenv("NO_COLOR") == ""}
}

// say prints a line of our own.
func (s *screen) say(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.print([]byte(line + "\n"))
}

// print writes lines. What cannot be printed is lost: there is no other place
// to say so.
func (s *screen) print(lines []byte) {
	s.wipe()
	_, _ = s.out.Write(lines)
}

// wipe removes the progress line.
func (s *screen) wipe() {
	if s.status {
		_, _ = io.WriteString(s.out, "\r\x1b[K")
		s.status = false
	}
}

func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
}

// open prints the logs held back, and those to come.
func (s *screen) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = true
	for _, lines := range s.held {
		s.print(lines)
	}
	s.held = nil
}

func (s *screen) log(lines []byte) {
	const most = 1000
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.opened:
		s.print(lines)
	case len(s.held) < most: // the first lines say more of a failed start than the last
		s.held = append(s.held, lines)
	}
}

// logger takes the output of a program, line by line.
func (s *screen) logger(name string) io.Writer {
	return &logger{screen: s, format: formatter{name: name, color: s.color}}
}

type logger struct {
	screen *screen
	format formatter
	rest   []byte // of a line that is not finished
}

func (l *logger) Write(p []byte) (int, error) {
	const longest = 64 << 10
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found && len(l.rest) < longest {
			return len(p), nil
		}
		if len(bytes.TrimSpace(line)) > 0 {
			l.screen.log(l.format.lines(line))
		}
		l.rest = append(l.rest[:0], rest...)
	}
}

// progress shows what is being done, once that takes longer than a second.
type progress struct {
	screen *screen
	steps  chan string
	once   sync.Once
	quit   chan struct{}
	ended  chan struct{}
}

func (s *screen) progress() *progress {
	p := &progress{screen: s, steps: make(chan string), quit: make(chan struct{}), ended: make(chan struct{})}
	go p.run()
	return p
}

// tell says what is being done now; an empty string, that nothing is.
func (p *progress) tell(what string) {
	select {
	case p.steps <- what:
	case <-p.ended:
	}
}

// stop ends the display; it may be called twice.
func (p *progress) stop() {
	p.once.Do(func() { close(p.quit) })
	<-p.ended
}

func (p *progress) run() {
	defer close(p.ended)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	what, seconds := "", 0
	for {
		select {
		case what = <-p.steps:
			seconds = 0
			tick.Reset(time.Second)
			p.screen.clear()
		case <-tick.C:
			seconds++
			if what != "" {
				p.screen.show(what, seconds)
			}
		case <-p.quit:
			p.screen.clear()
			return
		}
	}
}

// show prints that a step has taken so many seconds: on a terminal in one line
// that changes, elsewhere now and then.
func (s *screen) show(what string, seconds int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.terminal:
		s.print([]byte(fmt.Sprintf("%s… %d s", what, seconds)))
		s.status = true
	case seconds == 1:
		s.print([]byte(what + "…\n"))
	case seconds%10 == 0:
		s.print([]byte(fmt.Sprintf("%s… %d s\n", what, seconds)))
	}
}
