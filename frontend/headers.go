package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/todochat/todochat/internal/web"
)

//go:embed static
var static embed.FS

// policy lets the page load what we serve and nothing else, and keeps strings
// from becoming markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// secured sets the headers that every answer carries.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		next.ServeHTTP(w, r)
	})
}

// refuseCrossOrigin keeps other sites from acting with a visitor's cookies.
// Who sends Authorization acts with that, and may come from anywhere.
func (f *frontend) refuseCrossOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	for _, origin := range f.public {
		if err := protection.AddTrustedOrigin(origin.String()); err != nil {
			panic(fmt.Sprintf("an origin that was parsed is refused: %v", err))
		}
	}
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		web.FailStatus(w, http.StatusForbidden, "this request comes from another site. If it comes from ours, PUBLIC_URL must name its origin")
	}))
	protected := protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			next.ServeHTTP(w, r)
			return
		}
		protected.ServeHTTP(w, r)
	})
}

// file is a part of the page.
type file struct {
	body        []byte
	contentType string
	etag        string
	zipped      func() []byte // nil if it does not get smaller
}

// contentTypes does not depend on what the machine thinks of an extension.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".ts": "text/plain; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".json": "application/json", ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json", ".txt": "text/plain; charset=utf-8", ".png": "image/png",
}

func readFiles() (map[string]*file, error) {
	files := make(map[string]*file)
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		f := &file{body: body, contentType: contentTypes[path.Ext(name)], etag: strconv.Quote(hex.EncodeToString(sum[:8]))}
		if f.contentType == "" {
			f.contentType = mime.TypeByExtension(path.Ext(name))
		}
		// zipping waits until somebody asks: starting must stay cheap
		f.zipped = sync.OnceValue(func() []byte { return zip(body) })
		files[strings.TrimPrefix(name, "static")] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	files["/"] = files["/index.html"]
	return files, nil
}

func zip(body []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if _, err := w.Write(body); err != nil || w.Close() != nil || out.Len() >= len(body) {
		return nil
	}
	return out.Bytes()
}

// serveFile serves a part of the page. Browsers ask each time whether it has
// changed, so that nobody runs yesterday's page on today's API.
func (f *frontend) serveFile(w http.ResponseWriter, r *http.Request) {
	part := f.files[r.URL.Path]
	if part == nil {
		web.FailStatus(w, http.StatusNotFound, "there is nothing at this path")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		only("GET, HEAD")(w, r)
		return
	}
	h := w.Header()
	h.Set("ETag", part.etag)
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("If-None-Match"), part.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := part.body
	if takesGzip(r) {
		if zipped := part.zipped(); zipped != nil {
			h.Set("Content-Encoding", "gzip")
			body = zipped
		}
	}
	h.Set("Content-Type", part.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client may be gone
}

// takesGzip reports whether a client names gzip without a weight of zero.
func takesGzip(r *http.Request) bool {
	for offer := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, weight, _ := strings.Cut(strings.ReplaceAll(offer, " ", ""), ";q=")
		if strings.EqualFold(coding, "gzip") {
			return strings.Trim(weight, "0.") != "" || weight == ""
		}
	}
	return false
}
