package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
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

func TestAManagedDatabaseIsKeptByLaterRuns(t *testing.T) {
	t.Parallel()
	const owner = "postgres://boss:s%40cret@db.example.com:5432/things?sslmode=verify-full"
	c := cluster{}
	c.apply(t)
	todo := c.value("migrate", "TODO_DATABASE_PASSWORD")
	delete(c, "postgres")
	// want checks which hosts are asked for, by what is printed now.
	want := func(migrates, works string, args ...string) {
		t.Helper()
		c.apply(t, args...)
		if got, want := c.value("migrate", "DATABASE_URL"), strings.Replace(owner, "db.example.com:5432", migrates, 1); got != want {
			t.Errorf("%v: the owner's address is %s, want %s", args, got, want)
		}
		for _, role := range []string{"todo", "chat"} {
			password := c.value("migrate", strings.ToUpper(role)+"_DATABASE_PASSWORD")
			want := "postgres://" + role + ":" + password + "@" + works + "/things?sslmode=verify-full"
			if got := c.value(role, "DATABASE_URL"); got != want {
				t.Errorf("%v: the address of %s is %s, want %s", args, role, got, want)
			}
		}
		if _, printed := c["postgres"]; printed {
			t.Errorf("%v: there is a Secret for a database that is not there", args)
		}
	}
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(owner+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("db.example.com:5432", "db.example.com:5432", "-database", "@"+file)
	want("db.example.com:5432", "db.example.com:5432", "-database", owner)
	if c.value("migrate", "TODO_DATABASE_PASSWORD") != todo {
		t.Error("the functions' passwords changed")
	}
	want("db.example.com:5432", "db.example.com:5432")
	want("db.example.com:5432", "pool.example.com:6432", "-pooler", "pool.example.com:6432")
	want("db.example.com:5432", "pool.example.com:6432", "-rotate", "todo")
	want("other:5433", "other:5433", "-database", strings.Replace(owner, "db.example.com:5432", "other:5433", 1))
	want("other:5433", "pool:1", "-new", "-pooler", "pool:1", "-database", strings.Replace(owner, "db.example.com:5432", "other:5433", 1))
}

// TestAnAddressThatCannotBeUsedIsRefused also looks for the password, which
// must not be in a message.
func TestAnAddressThatCannotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://boss:hidden@db.example.com/things",
		"postgres://boss:hidden@db.example.com?sslmode=require",
		"postgres://boss@db.example.com/things?sslmode=require",
		"host=db.example.com user=boss password=hidden sslmode=require",
		"mysql://boss:hidden@db.example.com/things?sslmode=require",
		"postgres://boss:hidden@db.example.com:port/things?sslmode=require",
	} {
		err := run(t.Context(), []string{"-new", "-database", address}, nil, &bytes.Buffer{})
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", address, err)
		}
		edited := cluster{}
		edited.apply(t)
		edited["migrate"].Data["DATABASE_URL"] = []byte(address)
		if err := run(t.Context(), nil, edited.read, &bytes.Buffer{}); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s in the cluster: %v", address, err)
		}
	}
	missing := filepath.Join(t.TempDir(), "url")
	if err := run(t.Context(), []string{"-new", "-database", "@" + missing}, nil, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := run(t.Context(), []string{"-new", "-pooler", "pool.example.com"}, nil, &bytes.Buffer{}); err == nil {
		t.Error("a pooler without a port was accepted")
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
	for _, args := range [][]string{{"-rotate", "postgres"}, {"now"}, {"-env", ".env", "-new"}, {"-env", ".env", "-rotate", "todo"}, {"-env", ".env", "-pooler", "pool:1"}} {
		if err := run(t.Context(), args, cluster{}.read, &bytes.Buffer{}); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}

// addVariables runs the command on a file of variables and returns what the
// file then holds, as Compose reads it. No cluster is asked.
func addVariables(t *testing.T, file string) map[string]string {
	t.Helper()
	ask := func(context.Context, string) ([]byte, error) { return nil, errors.New("the cluster was asked") }
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-env", file}, ask, &out); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 0 {
		t.Errorf("it prints %q: secrets belong into the file", out.String())
	}
	env, err := dotenv.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// TestComposeReadsTheVariablesThatAreMade follows them through .env and
// compose.yaml to the programs.
func TestComposeReadsTheVariablesThatAreMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), ".env")
	env := addVariables(t, file)
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  "../..",
		ConfigFiles: []types.ConfigFile{{Filename: "../../compose.yaml"}},
		Environment: env,
	})
	if err != nil {
		t.Fatal(err)
	}
	if key := project.Services["todo"].Environment["SIGNING_KEY"]; key == nil {
		t.Error("todo has no signing key")
	} else if _, err := account.ParseSigner([]byte(*key)); err != nil {
		t.Errorf("the signing key is none: %v", err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the file: its mode is %v", info.Mode())
	}
}

func TestVariablesAreKeptUnlessTheirLineIsDeleted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), ".env")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const own = "# of mine\nPORT=4000\nTODO_DATABASE_PASSWORD=chosen\nCHAT_DATABASE_PASSWORD=" // no new line
	write(own)
	first := addVariables(t, file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), own) || first["PORT"] != "4000" || first["TODO_DATABASE_PASSWORD"] != "chosen" || len(first["CHAT_DATABASE_PASSWORD"]) != 32 {
		t.Errorf("what was there is not kept, or what is empty is not made:\n%s", text)
	}
	for name, value := range addVariables(t, file) {
		if value != first[name] {
			t.Errorf("a second run changed %s", name)
		}
	}

	var rest []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "SIGNING_KEY=") {
			rest = append(rest, line)
		}
	}
	write(strings.Join(rest, ""))
	for name, value := range addVariables(t, file) {
		if isNew := value != first[name]; isNew != (name == "SIGNING_KEY") {
			t.Errorf("after the line of SIGNING_KEY was deleted: %s is new: %t", name, isNew)
		}
	}
}

func TestAFileThatIsNoListOfVariablesIsLeftAlone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), ".env")
	const broken = "SIGNING_KEY=\"-----BEGIN"
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(t.Context(), []string{"-env", file}, cluster{}.read, &bytes.Buffer{})
	text, readErr := os.ReadFile(file)
	if err == nil || readErr != nil || string(text) != broken {
		t.Errorf("error %v, and the file holds %q", err, text)
	}
}
