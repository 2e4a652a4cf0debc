package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestDataHasItsUsualPlace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		env    environment
		uid    int
		system string
		want   string
	}{
		{environment{"DATA_DIR=/x", "HOME=/h"}, 0, "linux", "/x"},
		{environment{"HOME=/root"}, 0, "linux", "/var/lib/todochat"},
		{environment{"HOME=/h"}, 1000, "linux", "/h/.local/share/todochat"},
		{environment{"HOME=/h", "XDG_DATA_HOME=/s"}, 1000, "linux", "/s/todochat"},
		{environment{"HOME=/h", "XDG_DATA_HOME=relative"}, 1000, "linux", "/h/.local/share/todochat"},
		{environment{"HOME=/h"}, 501, "darwin", "/h/Library/Application Support/todochat"},
		{environment{}, 1000, "linux", ""},
	} {
		got, err := dataDir(test.env.get, test.uid, test.system)
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%v, uid %d on %s: got %q, %v, want %q", test.env, test.uid, test.system, got, err, test.want)
		}
	}
}

func TestASecondRunLearnsOfTheFirst(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	first, err := openHome(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openHome(dir); err == nil || !strings.Contains(err.Error(), "starting") {
		t.Errorf("while the first one starts: %v", err)
	}
	if err := first.note(state{URL: "http://localhost:3000", PID: 1}); err != nil {
		t.Fatal(err)
	}
	_, err = openHome(dir)
	if err == nil {
		t.Fatal("two have the same data")
	}
	for _, want := range []string{"already running", "http://localhost:3000", "DATA_DIR="} {
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %q, want one line with %q", err, want)
		}
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	second, err := openHome(dir)
	if err != nil {
		t.Fatalf("after the first: %v", err)
	}
	if err := second.close(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsKeptStaysTheSameAndPrivate(t *testing.T) {
	t.Parallel()
	h, err := openHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.close() }()
	var keys, words [2]string
	for i := range 2 {
		file, err := h.signingKey()
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = string(content)
		p, err := h.passwords()
		if err != nil {
			t.Fatal(err)
		}
		words[i] = p.Todo + " " + p.Chat
		if p.Todo == p.Chat || len(p.Todo) < 20 {
			t.Errorf("weak passwords: %q", words[i])
		}
	}
	if keys[0] != keys[1] || words[0] != words[1] {
		t.Error("the key or the passwords change from one run to the next")
	}
	block, _ := pem.Decode([]byte(keys[0]))
	if block == nil || block.Type != "PRIVATE KEY" {
		t.Fatalf("the key is no PEM of PKCS#8: %q", keys[0])
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if _, ok := key.(ed25519.PrivateKey); !ok {
		t.Errorf("got %T, %v, want an Ed25519 key", key, err)
	}
	for _, name := range []string{"signing-key.pem", "passwords.json"} {
		info, err := os.Stat(h.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %o, want 600", name, got)
		}
	}
}

func TestTheNextFreePortIsTakenUnlessOneIsGiven(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	port := busy.Addr().(*net.TCPAddr).Port

	all, err := reserve("127.0.0.1", []wish{{"TODO_PORT", 0, port}, {"CHAT_PORT", 0, port}})
	if err != nil {
		t.Fatal(err)
	}
	defer all.release()
	if all[0].port <= port || all[1].port <= all[0].port {
		t.Errorf("got %d and %d, want two ports after %d", all[0].port, all[1].port, port)
	}

	_, err = reserve("127.0.0.1", []wish{{"TODO_PORT", port, 8000}})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "TODO_PORT") {
		t.Errorf("a given port that is taken: %v, want its name", err)
	}
}

func TestAPortTakenOnTheOtherLoopbackIsNotFree(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "[::1]:0")
	if err != nil { // no IPv6: there is no other one, and that is no reason to refuse a port
		l, err := take("127.0.0.1", 0)
		if err != nil {
			t.Fatalf("without IPv6: %v", err)
		}
		reservations{l}.release()
		return
	}
	defer func() { _ = other.Close() }()
	port := other.Addr().(*net.TCPAddr).Port
	if _, err := take("127.0.0.1", port); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v: a browser may reach the other one as localhost", err)
	}
}

func TestAddressesAreReachableAndReadable(t *testing.T) {
	t.Parallel()
	for host, want := range map[string][2]string{
		"127.0.0.1": {"127.0.0.1:80", "localhost:80"},
		"0.0.0.0":   {"127.0.0.1:80", "localhost:80"},
		"::":        {"[::1]:80", "localhost:80"},
		"localhost": {"localhost:80", "localhost:80"},
		"10.0.0.7":  {"10.0.0.7:80", "10.0.0.7:80"},
	} {
		c := config{host: host}
		if got := [2]string{c.reached(80), c.shown(80)}; got != want {
			t.Errorf("%s: got %q, want %q", host, got, want)
		}
	}
}

func TestOllamaIsReported(t *testing.T) {
	t.Parallel()
	models := `{"models":[{"name":"llama3.2:1b"},{"name":"qwen3:4b"}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := models
		if r.URL.Path == "/api/version" {
			answer = `{"version":"0.24.0"}`
		}
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	for _, host := range []string{address, server.URL, server.URL + "/"} {
		want := "Ollama 0.24.0 answers at " + address + ", with llama3.2:1b, qwen3:4b."
		if answers, got := reportOllama(t.Context(), host); !answers || got != want {
			t.Errorf("%s: got %v %q, want %q", host, answers, got, want)
		}
	}
	server.Close()
	if answers, got := reportOllama(t.Context(), address); answers || got != "No Ollama answers at "+address+"." {
		t.Errorf("got %v %q, want that none answers", answers, got)
	}
}

// Not parallel: it changes the environment.
func TestWithoutAnOllamaTheRulesReadAndThePeopleAreTold(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if answers, report := reportOllama(t.Context(), ""); answers {
		t.Fatalf("this test needs a machine without an Ollama at the usual address: %s", report)
	}
	a, err := openAssistant(t.Context(), config{}, &home{dir: t.TempDir()}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if a.interpreter != "rules" || a.server != nil || !strings.Contains(a.said, "hack/ollama/build") {
		t.Errorf("got %+v, want the rules, and how to get an Ollama", a)
	}
}

func TestAGivenDatabaseGetsRolesWithPasswords(t *testing.T) {
	t.Parallel()
	h, err := openHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.close() }()
	c := config{database: "postgres://admin:secret@db.test/app?sslmode=require"}
	db, err := openDatabase(t.Context(), c, h, nil)
	if err != nil {
		t.Fatal(err)
	}
	env := db.migrateEnv(c)
	if got := env.get("DATABASE_URL"); got != c.database {
		t.Errorf("migrate has DATABASE_URL=%s, want the owner's", got)
	}
	for role, address := range map[string]string{"todo": db.todo, "chat": db.chat} {
		password := env.get(strings.ToUpper(role) + "_DATABASE_PASSWORD")
		if want := "postgres://" + role + ":" + password + "@db.test/app?sslmode=require"; address != want || password == "" {
			t.Errorf("%s has DATABASE_URL=%s, want %s", role, address, want)
		}
	}
	c.database = "host=db.test password=secret"
	if _, err := openDatabase(t.Context(), c, h, nil); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want a refusal that names DATABASE_URL and repeats nothing of it", err)
	}
}
