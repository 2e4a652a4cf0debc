package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/todochat/todochat/internal/ollamatest"
)

// get reads one path of the function.
func (p *person) get(path string, out any) int {
	p.t.Helper()
	return p.call("GET", path, nil, out)
}

// models returns what the function says of its models.
func (p *person) models() []modelBody {
	p.t.Helper()
	var out struct {
		Models []modelBody `json:"models"`
	}
	if status := p.get("/api/chat/models", &out); status != 200 {
		p.t.Fatalf("models: %d", status)
	}
	return out.Models
}

// watch watches a pull to its end, and returns what it heard.
func (p *person) watch(model string) (heard []pullBody, last event) {
	p.t.Helper()
	p.stream(p.t.Context(), "/api/chat/models/pull", map[string]any{"model": model}, func(e event) bool {
		last = e
		if e.name == eventProgress {
			var progress pullBody
			if err := json.Unmarshal([]byte(e.data), &progress); err != nil {
				p.t.Error(err)
			}
			heard = append(heard, progress)
		}
		return true
	})
	return heard, last
}

// TestAPullSurvivesABadRegistry pulls a model from a registry that is slow,
// breaks off again and again, and is away for a while.
func TestAPullSurvivesABadRegistry(t *testing.T) {
	t.Parallel()
	file := ollamatest.TinyModel(t, 40)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	registry := ollamatest.StartRegistry(t, file)
	registry.Behave(100*time.Millisecond, 2)
	host := ollamatest.Start(t, registry.Env).Host
	s := start(t, map[string]string{"CHAT_MODEL": registry.Model, "OLLAMA_HOST": host})
	p, other := s.signUp(t), s.signUp(t)

	if m := p.models(); len(m) != 1 || m[0].State != "missing" || m[0].Purpose != "conversation" {
		t.Fatalf("before: %+v, want the model missing", m)
	}
	if status := p.stream(t.Context(), "/api/chat/models/pull", map[string]any{"model": "library/other"}, func(event) bool { return true }); status != 404 {
		t.Errorf("a model that nobody set up: %d, want 404", status)
	}

	var all sync.WaitGroup
	var heard [2][]pullBody
	var last [2]event
	begun := make(chan struct{})
	all.Go(func() { // one who leaves changes nothing
		p.stream(t.Context(), "/api/chat/models/pull", map[string]any{"model": registry.Model}, func(e event) bool {
			return !strings.Contains(e.data, "downloading")
		})
		close(begun)
	})
	<-begun
	for n, watcher := range []*person{p, other} {
		all.Go(func() { heard[n], last[n] = watcher.watch(registry.Model) })
	}
	if m := p.models(); m[0].State != "pulling" || m[0].Pull == nil {
		t.Errorf("meanwhile: %+v, want it being pulled", m)
	}
	time.AfterFunc(time.Second, func() {
		registry.Stop()
		time.AfterFunc(time.Second, registry.Start)
	})
	all.Wait()

	for n := range heard {
		if last[n].name != "done" {
			t.Fatalf("the pull ends with %s %s", last[n].name, last[n].data)
		}
		end := heard[n][len(heard[n])-1]
		if end.Completed != end.Total || end.Total < info.Size() {
			t.Errorf("watcher %d ends at %d of %d bytes, want all of %d and more", n, end.Completed, end.Total, info.Size())
		}
		if !slices.IsSortedFunc(heard[n], func(a, b pullBody) int { return int(a.Completed - b.Completed) }) {
			t.Errorf("watcher %d hears of less than before: %+v", n, heard[n])
		}
	}
	if heard[0][len(heard[0])-1] != heard[1][len(heard[1])-1] {
		t.Errorf("the watchers end with %+v and %+v", heard[0][len(heard[0])-1], heard[1][len(heard[1])-1])
	}
	served, starts := registry.Downloads()
	if slices.Max(starts) == 0 || served > 2*info.Size() {
		t.Errorf("%d bytes were downloaded from %v on, want it to go on from where it was: the model has %d", served, starts, info.Size())
	}
	if m := p.models(); m[0].State != "present" || m[0].Size < info.Size() {
		t.Errorf("afterwards: %+v, want it present", m)
	}
	p.fill("renew the passport")
	if _, said, _ := p.hear(map[string]any{"message": "what should I do first?"}); !strings.Contains(said, "1 todo open; 0 done.") {
		t.Errorf("asked afterwards: %q", said)
	}
	if m := p.models(); m[0].State != "ready" {
		t.Errorf("after an answer: %+v, want it in memory", m)
	}
}

func TestWhatTheRegistryDoesNotHaveIsSaid(t *testing.T) {
	t.Parallel()
	registry := ollamatest.StartRegistry(t, ollamatest.TinyModel(t, 2))
	host := ollamatest.Start(t, registry.Env).Host
	missing := strings.Replace(registry.Model, "/tiny:", "/huge:", 1)
	p := start(t, map[string]string{"CHAT_MODEL": missing, "OLLAMA_HOST": host}).signUp(t)
	_, last := p.watch(missing)
	if last.name != "error" || !strings.Contains(last.data, "no model of this name") {
		t.Errorf("the pull ends with %s %s", last.name, last.data)
	}
	if m := p.models(); m[0].State != "missing" || !strings.Contains(m[0].Problem, "no model of this name") {
		t.Errorf("afterwards: %+v, want it missing and why", m)
	}
}

// TestWhoWatchesAPullHoldsUpNoStop: the pull goes on elsewhere.
func TestWhoWatchesAPullHoldsUpNoStop(t *testing.T) {
	t.Parallel()
	registry := ollamatest.StartRegistry(t, ollamatest.TinyModel(t, 40))
	registry.Behave(time.Second, 0)
	s := start(t, map[string]string{"CHAT_MODEL": registry.Model, "OLLAMA_HOST": ollamatest.Start(t, registry.Env).Host})
	p := s.signUp(t)
	var last event
	var stopped time.Time
	p.stream(t.Context(), "/api/chat/models/pull", map[string]any{"model": registry.Model}, func(e event) bool {
		if last = e; stopped.IsZero() {
			stopped = time.Now()
			s.stop()
		}
		return true
	})
	if took := time.Since(stopped); last.name != "error" || !strings.Contains(last.data, "ask again") || took > 5*time.Second {
		t.Errorf("after %v it ends with %s %s", took, last.name, last.data)
	}
}
