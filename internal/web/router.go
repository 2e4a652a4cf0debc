package web

import (
	"net/http"
	"strings"
)

// Route serves the mux with our answers where the mux has its own: a path
// that differs by slashes is never redirected, since clients lose bodies and
// methods on the way. One trailing slash is ignored; a path that is not clean
// names nothing; what is unknown is a Problem.
func Route(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if !isClean(path) {
			notFound(w)
			return
		}
		if len(path) > 1 && strings.HasSuffix(path, "/") {
			r.URL.Path, r.URL.RawPath = strings.TrimSuffix(path, "/"), strings.TrimSuffix(r.URL.RawPath, "/")
		}
		handler, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		answer := &discard{header: http.Header{}}
		handler.ServeHTTP(answer, r)
		if answer.status != http.StatusMethodNotAllowed {
			notFound(w)
			return
		}
		allowed := answer.header.Get("Allow")
		w.Header().Set("Allow", allowed)
		FailStatus(w, http.StatusMethodNotAllowed, "this path takes "+allowed)
	})
}

func notFound(w http.ResponseWriter) {
	FailStatus(w, http.StatusNotFound, "there is nothing at this path")
}

func isClean(path string) bool {
	return strings.HasPrefix(path, "/") && !strings.Contains(path, "//") &&
		!strings.Contains(path+"/", "/./") && !strings.Contains(path+"/", "/../")
}

// discard remembers the status and headers of an answer.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
