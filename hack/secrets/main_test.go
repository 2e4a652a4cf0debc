package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/todochat/todochat/internal/account"
)

// cluster keeps Secrets as kubectl would show them.
type cluster map[string]corev1.Secret

func (c cluster) read(_ context.Context, name string) ([]byte, error) {
	secret, ok := c[name]
	if !ok {
		return nil, nil
	}
	var pairs []string
	for key, value := range secret.Data {
		pairs = append(pairs, fmt.Sprintf("%q:%q", key, base64.StdEncoding.EncodeToString(value)))
	}
	return []byte(`{"data":{` + strings.Join(pairs, ",") + `}}`), nil
}

// apply runs the command and keeps what it prints.
func (c cluster) apply(t *testing.T, args ...string) {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), args, c.read, &out); err != nil {
		t.Fatal(err)
	}
	for i, document := range strings.Split(out.String(), "---\n") {
		if i == 0 {
			continue // the namespace
		}
		var secret corev1.Secret
		if err := yaml.UnmarshalStrict([]byte(document), &secret); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		c[secret.Name] = secret
	}
}

func (c cluster) value(secret, key string) string { return string(c[secret].Data[key]) }

func TestSecretsAreKeptUnlessTheyAreRotated(t *testing.T) {
	t.Parallel()
	c := cluster{}
	c.apply(t)
	first := fmt.Sprint(c)
	if _, err := account.ParseSigner([]byte(c.value("todo", "SIGNING_KEY"))); err != nil {
		t.Errorf("the signing key is none: %v", err)
	}
	if !strings.Contains(c.value("todo", "DATABASE_URL"), ":"+c.value("migrate", "TODO_DATABASE_PASSWORD")+"@postgres.todochat.svc:5432/todochat") {
		t.Errorf("todo's address is %s", c.value("todo", "DATABASE_URL"))
	}
	c.apply(t)
	if fmt.Sprint(c) != first {
		t.Error("a second run changed what was there")
	}

	before := c.value("todo", "SIGNING_KEY")
	owner, chat := c.value("postgres", "POSTGRES_PASSWORD"), c.value("chat", "DATABASE_URL")
	c.apply(t, "-rotate", "signing,chat")
	after := c.value("todo", "SIGNING_KEY")
	if after == before || !strings.HasSuffix(after, before) {
		t.Error("a rotated key must come before the one that still verifies")
	}
	if c.value("chat", "DATABASE_URL") == chat || c.value("postgres", "POSTGRES_PASSWORD") != owner {
		t.Error("chat alone was to get a new password")
	}
	c.apply(t, "-rotate", "signing")
	if n := strings.Count(c.value("todo", "SIGNING_KEY"), "BEGIN"); n != 2 {
		t.Errorf("%d keys after two rotations, want the last two", n)
	}
}

func TestTwoClustersHaveDifferentSecrets(t *testing.T) {
	t.Parallel()
	a, b := cluster{}, cluster{}
	a.apply(t, "-new")
	b.apply(t, "-new")
	for _, pair := range [][2]string{{"postgres", "POSTGRES_PASSWORD"}, {"todo", "SIGNING_KEY"}, {"migrate", "CHAT_DATABASE_PASSWORD"}} {
		if a.value(pair[0], pair[1]) == b.value(pair[0], pair[1]) {
			t.Errorf("%s is the same in both", pair[1])
		}
	}
}

func TestTheNamespaceIsTheOneThatIsApplied(t *testing.T) {
	t.Parallel()
	var printed, applied corev1.Namespace
	document, _, _ := strings.Cut(string(values{}.manifests()), "---\n")
	if err := yaml.UnmarshalStrict([]byte(document), &printed); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../config/knative/000-namespace.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, &applied); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(printed.Labels, printed.Name) != fmt.Sprint(applied.Labels, applied.Name) {
		t.Errorf("printed %v, applied %v", printed.Labels, applied.Labels)
	}
}

func TestAWrongRotationIsRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-rotate", "postgres"}, {"now"}} {
		if err := run(t.Context(), args, cluster{}.read, &bytes.Buffer{}); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}
