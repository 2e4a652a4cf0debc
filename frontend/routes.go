package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/sethvargo/go-retry"
	"golang.org/x/sync/singleflight"

	"github.com/todochat/todochat/internal/web"
)

// frontend is the public door.
type frontend struct {
	todo, chat *url.URL
	client     *http.Client
	public     []*url.URL // what browsers call us, if we cannot tell
	cookies    cookieNames
	refreshing singleflight.Group // by refresh token
	files      map[string]*file
	streams    streams
}

func newFrontend(c config, addr net.Addr) (*frontend, error) {
	f := &frontend{client: &http.Client{Transport: newTransport()}, cookies: cookieNamesFor(addr)}
	var err error
	if f.todo, err = parseOrigin("TODO_URL", c.TodoURL); err != nil {
		return nil, err
	}
	if f.chat, err = parseOrigin("CHAT_URL", c.ChatURL); err != nil {
		return nil, err
	}
	for _, s := range c.PublicURL {
		origin, err := parseOrigin("PUBLIC_URL", s)
		if err != nil {
			return nil, err
		}
		f.public = append(f.public, origin)
	}
	f.files, err = readFiles()
	return f, err
}

// handler is the frontend's whole HTTP surface.
func (f *frontend) handler() http.Handler {
	mux := http.NewServeMux()
	todo, chat := f.proxyTo(f.todo), f.proxyTo(f.chat)

	mux.HandleFunc("POST /session", f.signIn("/api/auth/login"))
	mux.HandleFunc("POST /session/register", f.signIn("/api/auth/register"))
	mux.HandleFunc("DELETE /session", f.signOut)
	mux.HandleFunc("/session", only("DELETE, POST"))
	mux.HandleFunc("/session/register", only("POST"))

	mux.HandleFunc("GET /api/health", func(w http.ResponseWriter, r *http.Request) {
		web.WriteJSON(w, web.CheckHealth(r.Context(), nil))
	})
	mux.HandleFunc("/api/health", only("GET, HEAD"))
	mux.Handle("GET /api/health/todo", at("/api/health", todo))
	mux.Handle("GET /api/health/chat", at("/api/health", chat))

	mux.Handle("/api/chat", f.withBearer(chat))
	mux.Handle("/api/chat/", f.withBearer(chat))
	mux.Handle("/api/", f.withBearer(todo))
	mux.Handle("/mcp", todo)
	mux.Handle("/openapi.json", todo)
	mux.Handle("/.well-known/jwks.json", todo)

	mux.HandleFunc("/", f.serveFile)
	return secured(f.refuseCrossOrigin(web.Route(mux)))
}

// only refuses every other method. The mux cannot tell: the patterns of the
// page and the API take every path and method that is left.
func only(methods string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", methods)
		web.FailStatus(w, http.StatusMethodNotAllowed, "this path takes "+methods)
	}
}

// at serves a request as if it had asked for path.
func at(path string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path, r.URL.RawPath = path, ""
		next.ServeHTTP(w, r)
	})
}

// proxyTo passes requests on to a function, streams included.
func (f *frontend) proxyTo(target *url.URL) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport:     f.client.Transport,
		FlushInterval: -1, // what a stream says, it says at once
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Cookie")
			r.Out.Header.Set(web.RequestIDHeader, web.RequestID(r.In.Context()))
			r.SetXForwarded()
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del(web.RequestIDHeader) // ours is set already, and the same
			f.streams.add(r)
			if r.Header.Get("Cache-Control") == "" {
				r.Header.Set("Cache-Control", "no-store") // a cookie is all that tells people apart
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			web.Fail(w, r, unreachable(err))
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A stream may answer before the proxy has seen the end of the request's
		// body. Otherwise the server closes that body at the first word of the
		// answer, the proxy fails to read on, and the answer breaks off.
		_ = http.NewResponseController(w).EnableFullDuplex() // where it is not to be had, as in HTTP/2, it is so anyway
		proxy.ServeHTTP(w, r)
	})
}

func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil // the functions are neighbours
	t.MaxIdleConnsPerHost = 256
	t.DisableCompression = true
	return t
}

// warmTime bounds how long a function may take to wake.
const warmTime = 30 * time.Second

// warming is the wake-up of the functions, under way.
type warming struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Close ends the wake-up and waits for it.
func (w *warming) Close() error {
	w.cancel()
	w.done.Wait()
	return nil
}

// warm wakes both functions at once, so that their cold starts and ours do not
// add up.
func (f *frontend) warm(log *slog.Logger) *warming {
	ctx, cancel := context.WithTimeout(context.Background(), warmTime)
	w := &warming{cancel: cancel}
	for _, target := range []*url.URL{f.todo, f.chat} {
		w.done.Go(func() {
			err := retry.Constant(ctx, 100*time.Millisecond, func(ctx context.Context) error {
				return retry.RetryableError(f.touch(ctx, target))
			})
			if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
				log.Warn("a function does not answer", "url", target.String(), "error", err.Error())
			}
		})
	}
	return w
}

func (f *frontend) touch(ctx context.Context, target *url.URL) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.JoinPath("/readyz").String(), nil)
	if err != nil {
		return err
	}
	response, err := f.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	return nil
}
