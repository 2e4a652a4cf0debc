package main

import (
	"io"
	"net/http"
	"sync"
)

// streams are those that pass through here and may last for minutes: changes
// that are followed, and models that are watched on their way. When the program
// is told to stop it ends them, and their clients connect again, to another.
type streams struct {
	mu    sync.Mutex
	open  map[*stream]struct{}
	ended bool
}

// mayEnd reports whether the streams at a path may end at any time: whoever
// listens goes on from where it was.
func mayEnd(path string) bool {
	return path == "/api/changes/stream" || path == "/api/chat/models/pull"
}

// stream is the body of an answer that can be ended from here.
type stream struct {
	io.ReadCloser
	all *streams
}

// add makes an answer that may end do so with the others.
func (s *streams) add(r *http.Response) {
	if r.Request == nil || !mayEnd(r.Request.URL.Path) || r.StatusCode != http.StatusOK {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	body := &stream{r.Body, s}
	if s.open == nil {
		s.open = make(map[*stream]struct{})
	}
	s.open[body] = struct{}{}
	if s.ended {
		_ = body.ReadCloser.Close()
	}
	r.Body = body
}

// end ends the streams that are open, and those that come.
func (s *streams) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for body := range s.open {
		_ = body.ReadCloser.Close() // its reader sees the end
	}
}

// Read ends as an answer does that is complete, once the stream was ended.
func (b *stream) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.all.mu.Lock()
		defer b.all.mu.Unlock()
		if b.all.ended {
			return n, io.EOF
		}
	}
	return n, err
}

// Close implements io.Closer.
func (b *stream) Close() error {
	b.all.mu.Lock()
	delete(b.all.open, b)
	b.all.mu.Unlock()
	return b.ReadCloser.Close()
}
