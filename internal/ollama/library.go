package ollama

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/todochat/todochat/internal/fault"
)

// Library knows which models the server has, and pulls those that it was made
// for. A pull belongs to the library: it goes on when those who watch it leave,
// and all who ask for the same model watch the same pull.
type Library struct {
	client *api.Client
	names  []string
	active sync.WaitGroup
	unseen chan struct{} // closed by Unwatch

	mu     sync.Mutex
	pulls  map[string]*pull
	closed bool
}

// Presence is where a model is.
type Presence string

// The presences.
const (
	Unknown Presence = "unknown" // the server does not answer
	Missing Presence = "missing"
	Pulling Presence = "pulling" // on its way to the server
	Present Presence = "present" // on the server's disk
	Ready   Presence = "ready"   // in its memory
)

// State is how a model stands.
type State struct {
	Name     string
	Presence Presence
	Size     int64     // bytes on disk; 0 if unknown
	Pull     *Progress // of the pull under way, or of the last one if it failed
}

// Progress is how far a pull is. What it counts never goes back.
type Progress struct {
	Status    string
	Completed int64   // bytes, over all layers that the server has named
	Total     int64   // bytes; grows while the server names more layers
	Speed     float64 // bytes per second, lately
	Err       error   // why it ended, if it failed
}

// Left is how long the rest takes at the present speed, or less than zero when
// nobody knows.
func (p Progress) Left() time.Duration {
	if p.Speed <= 0 || p.Total == 0 {
		return -1
	}
	return time.Duration(float64(p.Total-p.Completed) / p.Speed * float64(time.Second))
}

// NewLibrary returns a library of the models of these names. It does not call
// the server.
func NewLibrary(host string, names ...string) (*Library, error) {
	base, err := ParseHost(host)
	if err != nil {
		return nil, err
	}
	return &Library{client: api.NewClient(base, &http.Client{}), names: names, unseen: make(chan struct{}), pulls: make(map[string]*pull)}, nil
}

// Unwatch ends the watching of pulls, which go on until Close: the program is
// going to stop. It may be called once.
func (l *Library) Unwatch() { close(l.unseen) }

// Close ends the pulls. What the server has of a model stays there, and the
// next pull goes on from it.
func (l *Library) Close() error {
	l.mu.Lock()
	l.closed = true
	for _, p := range l.pulls {
		p.cancel()
	}
	l.mu.Unlock()
	l.active.Wait()
	return nil
}

// listTime bounds a look at the server.
const listTime = 2 * time.Second

// States tells how each model of the library stands.
func (l *Library) States(ctx context.Context) []State {
	if len(l.names) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	there, err := l.client.List(ctx)
	var inMemory *api.ProcessResponse
	if err == nil {
		inMemory, err = l.client.ListRunning(ctx)
	}
	states := make([]State, len(l.names))
	for n, name := range l.names {
		s := State{Name: name, Presence: Unknown}
		if err == nil {
			s.Presence, s.Size = presenceOf(name, there, inMemory)
		}
		if p := l.pullOf(name); p != nil {
			progress, _ := p.now()
			switch {
			case !p.ended():
				s.Presence, s.Pull = Pulling, &progress
			case progress.Err != nil && s.Presence == Missing:
				s.Pull = &progress
			}
		}
		states[n] = s
	}
	return states
}

func presenceOf(name string, there *api.ListResponse, inMemory *api.ProcessResponse) (Presence, int64) {
	full := tagged(name)
	at := slices.IndexFunc(there.Models, func(m api.ListModelResponse) bool { return m.Name == full })
	if at < 0 {
		return Missing, 0
	}
	if slices.ContainsFunc(inMemory.Models, func(m api.ProcessModelResponse) bool { return m.Name == full }) {
		return Ready, there.Models[at].Size
	}
	return Present, there.Models[at].Size
}

// tagged is the name as the server lists it.
func tagged(name string) string {
	if strings.Contains(name[strings.LastIndex(name, "/")+1:], ":") {
		return name
	}
	return name + ":latest"
}

func (l *Library) pullOf(name string) *pull {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pulls[name]
}

// Pull pulls a model, or joins the pull that is under way, and hands on how far
// it is until it ends. It returns fault.NotFound for a model that the library
// was not made for or that the registry does not have, and fault.Unavailable
// when the pull has failed for now, or goes on unwatched after Unwatch or longest.
// It ends early with ctx; the pull does not.
func (l *Library) Pull(ctx context.Context, name string, each func(Progress)) error {
	if !slices.Contains(l.names, name) {
		return fault.New(fault.NotFound, "this model is not among those that the program is set up for: GET /api/chat/models names them")
	}
	p, err := l.join(ctx, name)
	if err != nil {
		return err
	}
	end := time.NewTimer(longest)
	defer end.Stop()
	for {
		progress, changed := p.now()
		if p.ended() {
			if progress.Err == nil {
				each(progress)
			}
			return progress.Err
		}
		each(progress)
		select {
		case <-changed:
		case <-l.unseen:
			return errStillPulling
		case <-end.C:
			return errStillPulling
		case <-ctx.Done():
			return ctx.Err()
		}
		select { // nobody reads faster
		case <-time.After(tellEvery):
		case <-p.done:
		}
	}
}

// longest is how long one request watches a pull: less than Knative's
// timeoutSeconds.
const longest = 4 * time.Minute

// tellEvery is how often those who watch a pull hear of it, at most.
const tellEvery = 200 * time.Millisecond

// errStillPulling ends the watching of a pull that goes on.
var errStillPulling = fault.New(fault.Unavailable, "the model is still on its way: ask again to go on watching")

func interrupted(cause error) error {
	return fault.New(fault.Unavailable, "the pull was interrupted: ask again, it goes on from there").Because(cause)
}

// join returns the pull of the model that is under way, or a new one.
func (l *Library) join(ctx context.Context, name string) (*pull, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.pulls[name]; p != nil && !p.ended() {
		return p, nil
	}
	if l.closed {
		return nil, interrupted(http.ErrServerClosed)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := newPull(name, cancel)
	l.pulls[name] = p
	l.active.Go(func() {
		defer cancel()
		p.end(l.fetch(ctx, p))
	})
	return p, nil
}

const (
	// A pull that breaks off is tried again while it gets anywhere, and this
	// many times when it does not.
	fruitless = 5
	pauseMost = 15 * time.Second
)

// fetch lets the server pull the model: again and again while that gets
// further, since the server goes on from what it has.
func (l *Library) fetch(ctx context.Context, p *pull) error {
	pause := time.Second
	for failures := 0; ; failures++ {
		before, _ := p.now()
		err := l.fetchOnce(ctx, p)
		switch after, _ := p.now(); {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return interrupted(err)
		case isNoSuchModel(err):
			return fault.New(fault.NotFound, "the registry has no model of this name: check the setting CHAT_MODEL or INTERPRETER").Because(err)
		case after.Completed > before.Completed:
			failures, pause = 0, time.Second
		case failures >= fruitless:
			return fault.New(fault.Unavailable, "the model cannot be pulled right now: see that Ollama reaches its registry and has room, and ask again").Because(err)
		}
		p.say("waiting to try again")
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, pauseMost)
	}
}

func (l *Library) fetchOnce(ctx context.Context, p *pull) error {
	last := ""
	err := l.client.Pull(ctx, &api.PullRequest{Model: p.name}, func(r api.ProgressResponse) error {
		last = r.Status
		p.note(r)
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("pull %s: %w", p.name, err)
	case last != "success": // the client returns no error when the server goes away
		return fmt.Errorf("pull %s: it broke off", p.name)
	}
	return nil
}

// isNoSuchModel reports whether the registry does not know the model. The
// server has no code for that, only words.
func isNoSuchModel(err error) bool {
	return IsMissing(err) || strings.Contains(err.Error(), "file does not exist") || strings.Contains(err.Error(), "invalid model name")
}

// pull is one model on its way to the server.
type pull struct {
	name   string
	cancel context.CancelFunc

	mu       sync.Mutex
	layers   map[string]layer
	progress Progress
	changed  chan struct{} // closed at the next change
	done     chan struct{}
	began    time.Time // of what speed is taken over
	first    int64     // bytes there were then
}

type layer struct{ completed, total int64 }

func newPull(name string, cancel context.CancelFunc) *pull {
	return &pull{
		name: name, cancel: cancel, layers: make(map[string]layer), progress: Progress{Status: "starting"},
		changed: make(chan struct{}), done: make(chan struct{}),
	}
}

// now returns how far the pull is, and what is closed when that changes.
func (p *pull) now() (Progress, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.progress, p.changed
}

func (p *pull) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *pull) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress.Err = err
	close(p.done)
	close(p.changed)
}

func (p *pull) say(status string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress.Status = status
	p.began = time.Time{}
	p.tell()
}

func (p *pull) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// speedOver is how far back speed looks.
const speedOver = 5 * time.Second

// note adds what the server says. After an interruption the server counts what
// it lost again: the greatest count stands.
func (p *pull) note(r api.ProgressResponse) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress.Status = r.Status
	if r.Digest != "" {
		p.progress.Status = "downloading"
		before := p.layers[r.Digest]
		p.layers[r.Digest] = layer{max(before.completed, r.Completed), max(before.total, r.Total)}
		p.count()
	}
	p.tell()
}

func (p *pull) count() {
	p.progress.Completed, p.progress.Total = 0, 0
	for _, l := range p.layers {
		p.progress.Completed += l.completed
		p.progress.Total += l.total
	}
	now := time.Now()
	if p.began.IsZero() {
		p.began, p.first = now, p.progress.Completed
	}
	if took := now.Sub(p.began); took > time.Second/4 {
		p.progress.Speed = float64(p.progress.Completed-p.first) / took.Seconds()
		if took > speedOver { // look back over the latter half from now on
			p.began = now.Add(-took / 2)
			p.first = p.progress.Completed - int64(p.progress.Speed*took.Seconds()/2)
		}
	}
}
