// Command secrets prints the namespace and the Secrets that config/knative
// needs, with random values, for kubectl to apply:
//
//	go run ./hack/secrets | kubectl apply -f -
//
// What the cluster has already is kept, so that it can be run again and again.
//
//	go run ./hack/secrets -rotate todo,chat | kubectl apply -f -
//
// gives the named ones new values: todo and chat are the functions' database
// passwords, signing is the key that signs tokens (the one before it still
// verifies). Apply config/knative afterwards, so that the migrate job sets the
// passwords, and let the functions start anew.
//
//	go run ./hack/secrets -database @FILE | kubectl apply -f -
//
// is for a PostgreSQL outside of config/knative; later runs keep the address. FILE
// holds postgres://owner:password@db.example.com:5432/todochat?sslmode=verify-full,
// which is not for the command line, where others see it.
// -pooler HOST:PORT is how the functions reach it, if not as its owner does.
//
//	go run ./hack/secrets -env .env
//
// adds what compose.yaml needs to a file of variables, and keeps what is there.
// To give one a new value, delete its line first; not POSTGRES_PASSWORD, which
// is set when the database is made.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/todochat/todochat/internal/account"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], kubectl, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "secrets:", err)
		os.Exit(1)
	}
}

const (
	namespace = "todochat"
	host      = "postgres." + namespace + ".svc:5432"
	database  = "todochat"
)

var rotatable = []string{"todo", "chat", "signing"}

// reader returns a Secret's data as kubectl prints it, or nothing if there is
// no such Secret.
type reader func(ctx context.Context, secret string) ([]byte, error)

func run(ctx context.Context, args []string, read reader, out io.Writer) error {
	flags := flag.NewFlagSet("secrets", flag.ContinueOnError)
	fresh := flags.Bool("new", false, "do not ask the cluster what it has: all values are new")
	rotate := flags.String("rotate", "", "comma list of "+strings.Join(rotatable, ", ")+": give these new values")
	managed := flags.String("database", "", "the owner's `URL` of a PostgreSQL that config/knative does not make, or @FILE that holds it")
	pooler := flags.String("pooler", "", "`HOST:PORT` that the functions connect to in place of the database's")
	env := flags.String("env", "", "add what Docker Compose needs to this `file`, and ask no cluster")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if *env != "" {
		if *fresh || *rotate != "" || *managed != "" || *pooler != "" {
			return errors.New("-env goes alone: to give a variable a new value, delete its line in the file first")
		}
		return addTo(*env)
	}
	var again []string
	if *rotate != "" {
		again = strings.Split(*rotate, ",")
	}
	for _, name := range again {
		if !slices.Contains(rotatable, name) {
			return fmt.Errorf("cannot rotate %q: only %s (the owner's password is set when the database is made)", name, strings.Join(rotatable, ", "))
		}
	}
	if *fresh {
		read = func(context.Context, string) ([]byte, error) { return nil, nil }
	}
	v, err := valuesOf(ctx, read)
	if err != nil {
		return err
	}
	if file, ok := strings.CutPrefix(*managed, "@"); ok {
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("-database: %w", err)
		}
		*managed = strings.TrimSpace(string(content))
	}
	if *managed != "" {
		if v.managed, err = ownerURL(*managed); err != nil {
			return fmt.Errorf("-database: %w", err)
		}
		v.pooler = ""
	}
	if *pooler != "" {
		if _, _, err := net.SplitHostPort(*pooler); err != nil {
			return fmt.Errorf("-pooler: %w", err)
		}
		v.pooler = *pooler
	}
	if err := v.complete(again); err != nil {
		return err
	}
	_, err = out.Write(v.manifests())
	return err
}

// values are what the Secrets are made of.
type values struct {
	owner, todo, chat string // database passwords
	signing           string // PEM: the first key signs

	managed *url.URL // of the owner; nil if the database is config/knative's
	pooler  string   // host and port, if the functions do not go to the database's
}

func valuesOf(ctx context.Context, read reader) (values, error) {
	var v values
	var owner, function string // URLs
	for _, s := range []struct {
		secret, key string
		into        *string
	}{
		{"postgres", "POSTGRES_PASSWORD", &v.owner},
		{"migrate", "TODO_DATABASE_PASSWORD", &v.todo},
		{"migrate", "CHAT_DATABASE_PASSWORD", &v.chat},
		{"migrate", "DATABASE_URL", &owner},
		{"todo", "DATABASE_URL", &function},
		{"todo", "SIGNING_KEY", &v.signing},
	} {
		text, err := read(ctx, s.secret)
		if err != nil {
			return values{}, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var there struct {
			Data map[string][]byte `json:"data"`
		}
		if err := json.Unmarshal(text, &there); err != nil {
			return values{}, fmt.Errorf("read secret %s: %w", s.secret, err)
		}
		*s.into = string(there.Data[s.key])
	}
	if owner == "" || function == "" {
		return v, nil
	}
	at, err := ownerURL(owner)
	if err != nil {
		return values{}, fmt.Errorf("DATABASE_URL of secret migrate: %w", err)
	}
	if at.Host != host {
		v.managed = at
	}
	if u, err := url.Parse(function); err == nil && u.Host != at.Host {
		v.pooler = u.Host
	}
	return v, nil
}

// ownerURL reads a URL from which those of the functions can be made. Its
// errors do not repeat it: it holds a password.
func ownerURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" || strings.Trim(u.Path, "/") == "" {
		return nil, errors.New("it is not like postgres://owner:password@host:5432/database?sslmode=verify-full")
	}
	if password, _ := u.User.Password(); u.User.Username() == "" || password == "" {
		return nil, errors.New("it has no user or no password")
	}
	if !u.Query().Has("sslmode") { // pgx would go without encryption where a server has none
		return nil, errors.New("it has no sslmode: verify-full, or another by intent")
	}
	return u, nil
}

// complete makes what is missing, and anew what is to be rotated.
func (v *values) complete(rotate []string) error {
	for _, p := range []struct {
		name string
		into *string
	}{{"owner", &v.owner}, {"todo", &v.todo}, {"chat", &v.chat}} {
		if *p.into == "" || slices.Contains(rotate, p.name) {
			*p.into = password()
		}
	}
	if v.signing == "" || slices.Contains(rotate, "signing") {
		key, err := account.NewSigningKey()
		if err != nil {
			return err
		}
		before, _ := pem.Decode([]byte(v.signing))
		v.signing = key
		if before != nil { // tokens that it signed are valid until they expire
			v.signing += string(pem.EncodeToMemory(before))
		}
	}
	return nil
}

func password() string {
	b := make([]byte, 24)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// manifests are the namespace, as config/knative has it, and the Secrets.
func (v values) manifests() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `apiVersion: v1
kind: Namespace
metadata:
  name: %s
  labels:
    app.kubernetes.io/part-of: todochat
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/enforce-version: latest
    pod-security.kubernetes.io/warn: restricted
`, namespace)
	secret := func(name string, pairs ...string) {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: %s\n  labels:\n    app.kubernetes.io/part-of: todochat\ntype: Opaque\ndata:\n", name, namespace)
		for i := 0; i < len(pairs); i += 2 {
			fmt.Fprintf(&b, "  %s: %s\n", pairs[i], base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
		}
	}
	at := v.managed
	if at == nil {
		secret("postgres", "POSTGRES_PASSWORD", v.owner)
		at = &url.URL{Scheme: "postgres", User: url.UserPassword("postgres", v.owner), Host: host, Path: database, RawQuery: "sslmode=disable"}
	}
	function := *at
	if v.pooler != "" {
		function.Host = v.pooler
	}
	urlOf := func(role, password string) string {
		function.User = url.UserPassword(role, password)
		return function.String()
	}
	secret("migrate", "DATABASE_URL", at.String(), "TODO_DATABASE_PASSWORD", v.todo, "CHAT_DATABASE_PASSWORD", v.chat)
	secret("todo", "DATABASE_URL", urlOf("todo", v.todo), "SIGNING_KEY", v.signing)
	secret("chat", "DATABASE_URL", urlOf("chat", v.chat))
	return b.Bytes()
}

// addTo appends the variables of compose.yaml that a file lacks, and keeps it
// from other users.
func addTo(name string) (err error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Chmod(0o600); err != nil {
		return err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	there, err := dotenv.Parse(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	v := values{
		owner:   there["POSTGRES_PASSWORD"],
		todo:    there["TODO_DATABASE_PASSWORD"],
		chat:    there["CHAT_DATABASE_PASSWORD"],
		signing: there["SIGNING_KEY"],
	}
	if err := v.complete(nil); err != nil {
		return err
	}
	var more bytes.Buffer
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		more.WriteByte('\n')
	}
	for _, pair := range [][2]string{
		{"POSTGRES_PASSWORD", v.owner},
		{"TODO_DATABASE_PASSWORD", v.todo},
		{"CHAT_DATABASE_PASSWORD", v.chat},
		{"SIGNING_KEY", v.signing},
	} {
		if there[pair[0]] == "" {
			// Compose reads \n in double quotes as a new line: a key stays one
			// line, which can be deleted as one.
			fmt.Fprintf(&more, "%s=%q\n", pair[0], pair[1])
		}
	}
	_, err = file.Write(more.Bytes())
	return err
}

// kubectl reads a Secret of the cluster that kubectl is set up for.
func kubectl(ctx context.Context, secret string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "kubectl", "--namespace", namespace, "get", "secret", secret, "--ignore-not-found", "--output", "json")
	text, err := cmd.Output()
	var failed *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("kubectl is not installed: install it, or ask for new values with -new")
	case errors.As(err, &failed):
		return nil, fmt.Errorf("ask the cluster for secret %s: %s", secret, bytes.TrimSpace(failed.Stderr))
	case err != nil:
		return nil, fmt.Errorf("ask the cluster for secret %s: %w", secret, err)
	}
	return text, nil
}
