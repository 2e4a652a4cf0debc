// Package ollamatest gives tests a real Ollama.
//
// A test that cannot have one fails; it is never skipped.
package ollamatest

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/todochat/todochat/hack/ollamaserver"
)

// Start starts a server for one test, with more settings, NAME=VALUE each. It
// ends with the test. What the server
// printed is shown when the test fails.
func Start(t testing.TB, env ...string) *ollamaserver.Server {
	t.Helper()
	return StartAt(t, "", env...)
}

// StartAt is Start at an address, host:port.
func StartAt(t testing.TB, host string, env ...string) *ollamaserver.Server {
	t.Helper()
	program, err := ollamaserver.Find()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var log output
	s, err := ollamaserver.Start(ctx, ollamaserver.Options{Program: program, Dir: t.TempDir(), Host: host, Log: &log, Env: env})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.end())
	}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("Ollama printed:\n%s", log.end())
		}
	})
	return s
}

// output keeps what a server prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

const shown = 8000 // bytes

func (o *output) end() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := o.text.Bytes()
	return string(b[max(0, len(b)-shown):])
}
