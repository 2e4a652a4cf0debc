package ollamatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Registry is where an Ollama pulls one model from, as it does from the real
// one: by TLS, with each content at another host than the one that is asked. It
// can be slow, break off and go away.
type Registry struct {
	Model string // its whole name: host:port/library/tiny:latest
	Env   string // lets an Ollama trust the registry

	t        testing.TB
	address  string
	cert     tls.Certificate
	contents map[string][]byte // by digest
	manifest []byte

	mu     sync.Mutex
	server *httptest.Server
	pace   time.Duration // for each chunk of a content
	breaks int           // how many contents to break off in their middle
	served int64         // bytes of contents
	starts []int64       // where in its content each download began
}

// chunk is how much of a content is sent at once.
const chunk = 256 << 10

// StartRegistry starts a registry with the model in file. It ends with the test.
func StartRegistry(t testing.TB, file string) *Registry {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := &Registry{t: t, contents: make(map[string][]byte)}
	r.describe(content)

	if r.cert, err = selfSigned(); err != nil {
		t.Fatal(err)
	}
	authority := filepath.Join(t.TempDir(), "registry.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.cert.Certificate[0]})
	if err := os.WriteFile(authority, block, 0o600); err != nil {
		t.Fatal(err)
	}
	r.Env = "SSL_CERT_FILE=" + authority
	listener, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		t.Fatal(err)
	}
	r.address = listener.Addr().String()
	listener.Close()
	r.Model = r.address + "/library/tiny:latest"
	r.Start()
	t.Cleanup(r.Stop)
	return r
}

// selfSigned makes a certificate for the two names of this host.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// describe makes the manifest of a model.
func (r *Registry) describe(weights []byte) {
	type layer struct {
		MediaType string `json:"mediaType"`
		Digest    string `json:"digest"`
		Size      int    `json:"size"`
	}
	add := func(kind string, content []byte) layer {
		digest := digestOf(content)
		r.contents[digest] = content
		return layer{kind, digest, len(content)}
	}
	const kind = "application/vnd.ollama.image."
	settings := add("application/vnd.docker.container.image.v1+json", []byte(`{"model_format":"gguf","model_family":"llama","model_families":["llama"],`+
		`"model_type":"131K","file_type":"F32","os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`))
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": settings,
		"layers": []layer{add(kind+"model", weights), add(kind+"template", []byte(template)), add(kind+"params", []byte(`{"num_thread":1}`))},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.manifest = manifest
}

// Start starts the registry where it was.
func (r *Registry) Start() {
	r.t.Helper()
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(r.serve)}, TLS: &tls.Config{Certificates: []tls.Certificate{r.cert}}}
	server.StartTLS()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server = server
}

// Stop ends the registry and cuts who downloads from it.
func (r *Registry) Stop() {
	r.mu.Lock()
	server := r.server
	r.server = nil
	r.mu.Unlock()
	if server != nil {
		server.CloseClientConnections()
		server.Close()
	}
}

// Behave makes the registry wait before each quarter of a megabyte, and break
// off so many downloads in their middle.
func (r *Registry) Behave(pace time.Duration, breaks int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pace, r.breaks = pace, breaks
}

// Downloads returns how many bytes were downloaded, and where in its content
// each download began.
func (r *Registry) Downloads() (served int64, starts []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.served, append([]int64(nil), r.starts...)
}

func (r *Registry) serve(w http.ResponseWriter, request *http.Request) {
	path := request.URL.Path
	digest := path[strings.LastIndex(path, "/")+1:]
	content := r.contents[digest]
	switch {
	case path == "/v2/library/tiny/manifests/latest":
		_, _ = w.Write(r.manifest)
	case content == nil:
		w.WriteHeader(http.StatusNotFound)
	case request.Method == http.MethodHead:
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	case strings.HasPrefix(path, "/v2/"): // the content is at another name of this host
		_, port, _ := net.SplitHostPort(r.address)
		http.Redirect(w, request, "https://localhost:"+port+"/content/"+digest, http.StatusTemporaryRedirect)
	default:
		r.send(w, request, content)
	}
}

// send sends the range that was asked for.
func (r *Registry) send(w http.ResponseWriter, request *http.Request, content []byte) {
	begin, end := 0, len(content)
	if from, to, ok := strings.Cut(strings.TrimPrefix(request.Header.Get("Range"), "bytes="), "-"); ok {
		begin, _ = strconv.Atoi(from)
		if last, err := strconv.Atoi(to); err == nil {
			end = min(last+1, end)
		}
	}
	r.mu.Lock()
	r.starts = append(r.starts, int64(begin))
	pace := r.pace
	stop := end
	if r.breaks > 0 && end-begin > 2*chunk {
		r.breaks--
		stop = begin + (end-begin)/2
	}
	r.mu.Unlock()
	w.Header().Set("Content-Length", strconv.Itoa(end-begin))
	w.WriteHeader(http.StatusPartialContent)
	for at := begin; at < stop; at += chunk {
		select {
		case <-time.After(pace):
		case <-request.Context().Done():
			return
		}
		n, err := w.Write(content[at:min(at+chunk, stop)])
		r.mu.Lock()
		r.served += int64(n)
		r.mu.Unlock()
		if err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
	}
	if stop < end {
		panic(http.ErrAbortHandler)
	}
}
