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
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"

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
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
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
}

func valuesOf(ctx context.Context, read reader) (values, error) {
	var v values
	for _, s := range []struct {
		secret, key string
		into        *string
	}{
		{"postgres", "POSTGRES_PASSWORD", &v.owner},
		{"migrate", "TODO_DATABASE_PASSWORD", &v.todo},
		{"migrate", "CHAT_DATABASE_PASSWORD", &v.chat},
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
	return v, nil
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

func databaseURL(role, password string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Host: host, Path: database, RawQuery: "sslmode=disable"}
	return u.String()
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
	secret("postgres", "POSTGRES_PASSWORD", v.owner)
	secret("migrate", "DATABASE_URL", databaseURL("postgres", v.owner), "TODO_DATABASE_PASSWORD", v.todo, "CHAT_DATABASE_PASSWORD", v.chat)
	secret("todo", "DATABASE_URL", databaseURL("todo", v.todo), "SIGNING_KEY", v.signing)
	secret("chat", "DATABASE_URL", databaseURL("chat", v.chat))
	return b.Bytes()
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
