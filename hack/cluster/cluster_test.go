package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
)

func TestVersionsAreThoseOfTheModules(t *testing.T) {
	t.Parallel()
	for want, file := range map[string]string{
		"k8s.io/kubernetes " + kubernetesVersion + "\n":    "kubernetes/go.mod",
		"github.com/ollama/ollama v" + ollamaVersion + " ": "../ollama/go.mod",
		"knative.dev/serving v0.50.0\n":                    "knative/go.mod",
		"knative.dev/eventing v0.50.0\n":                   "knative/go.mod",
	} {
		content, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(content), want) {
			t.Errorf("%s lacks %q (%v)", file, want, err)
		}
	}
}

// The job that pulls a model finds it by the name that the manifest has.
func TestTheModelsAreThoseThatManifestsName(t *testing.T) {
	t.Parallel()
	for _, model := range models {
		content, err := os.ReadFile("../../config/knative/410-pull-model.yaml")
		if name := strings.TrimPrefix(model, "library/"); err != nil || !strings.Contains(string(content), `args: [pull, "`+name+`"]`) {
			t.Errorf("no job pulls %s (%v)", name, err)
		}
	}
}

func TestSettingsComeFromTheEnvironment(t *testing.T) {
	t.Parallel()
	env := map[string]string{"CLUSTER_NAME": "two", "CLUSTER_API_PORT": "1001", "XDG_CACHE_HOME": "/cache"}
	c, err := newCluster(func(key string) string { return env[key] })
	if err != nil {
		t.Fatal(err)
	}
	if c.name != "two" || c.api != 1001 || c.registry != 25000 || c.domain != "example.com" {
		t.Errorf("got %+v", c)
	}
	for key, value := range map[string]string{"CLUSTER_NAME": "../x", "CLUSTER_API_PORT": "70000", "CLUSTER_REGISTRY_PORT": "x"} {
		_, err := newCluster(func(k string) string { return map[string]string{key: value}[k] })
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: got error %v, want one that names it", key, value, err)
		}
	}
}

// What a test of the whole cluster takes for granted.
func TestTheEnvironmentLeadsIntoTheCluster(t *testing.T) {
	t.Parallel()
	c := cluster{name: "todochat", domain: "example.com", api: 1, ingress: 2, registry: 3, home: "/home/it's"}
	for _, want := range []string{
		"export KO_DOCKER_REPO='127.0.0.1:3'\n",
		"export KO_DEFAULTBASEIMAGE='127.0.0.1:3/base/static:nonroot'\n",
		"export INGRESS_URL='http://127.0.0.1:2'\n",
		`export KUBECONFIG='/home/it'\''s/etc/admin.kubeconfig'` + "\n",
		"export CLUSTER_DOMAIN='example.com'\n",
	} {
		if got := c.environment(); !strings.Contains(got, want) {
			t.Errorf("the environment lacks %q:\n%s", want, got)
		}
	}
}

func TestProgramsAreKeptByWhatGoesIntoThem(t *testing.T) {
	t.Parallel()
	c := cluster{source: t.TempDir(), cache: "/cache"}
	write := func(file, content string) {
		t.Helper()
		path := filepath.Join(c.source, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module a\n")
	write("up.go", "package main\n")
	write("images/hello/main.go", "package main\n")
	write("knative/go.mod", "module b\n")
	ours, knative := part{name: "programs", module: "."}, part{name: "knative", module: "knative"}
	before, beforeKnative := c.programs(ours), c.programs(knative)

	write("up.go", "package main // changed\n")
	write("knative/go.mod", "module b // changed\n")
	if got := c.programs(ours); got != before {
		t.Errorf("the command or another module changed, and the programs are kept as %s, not %s", got, before)
	}
	if got := c.programs(knative); got == beforeKnative {
		t.Error("go.mod changed, and the old programs are still taken")
	}
	write("images/hello/main.go", "package main // changed\n")
	if got := c.programs(ours); got == before {
		t.Error("a program changed, and the old one is still taken")
	}
}

func TestADeploymentIsReadyInItsLatestForm(t *testing.T) {
	t.Parallel()
	const list = `{"items":[
		{"kind":"Node","metadata":{"name":"node"},"status":{"conditions":[{"type":"Ready","status":"True"}]}},
		{"kind":"Deployment","metadata":{"name":"good","generation":2},"status":{"observedGeneration":2,"conditions":[{"type":"Available","status":"True"}]}},
		{"kind":"Deployment","metadata":{"name":"stale","generation":2},"status":{"observedGeneration":1,"conditions":[{"type":"Available","status":"True"}]}},
		{"kind":"Deployment","metadata":{"name":"new","generation":1},"status":{}},
		{"kind":"Deployment","metadata":{"name":"bad"},"status":{"conditions":[{"type":"Available","status":"False"}]}}]}`
	waiting, nodes, err := unready([]byte(list))
	if got := strings.Join(waiting, " "); err != nil || nodes != 1 || got != "stale new bad" {
		t.Errorf("got %q, %d nodes, %v", got, nodes, err)
	}
}

func TestKnativeIsAdaptedToTheCluster(t *testing.T) {
	t.Parallel()
	c := cluster{domain: "example.com", registry: 3}
	const manifests = "---\nkind: Deployment\nspec: {image: ko://knative.dev/serving/cmd/activator, other: ko://knative.dev/serving/cmd/other}\n" +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config-network\ndata:\n  _example: |\n    x\n" +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config-other\ndata:\n  _example: |\n    x\n"
	got := string(c.adapted([]byte(manifests), "knative", map[string]string{"knative/activator": "registry/activator@sha256:1"}))
	for text, want := range map[string]int{
		"{image: registry/activator@sha256:1, other: knative.dev/serving/cmd/other}": 1, "ko://": 0,
		"data:\n  ingress-class: \"kingress.local\"\n  _example": 1, "ingress-class": 1,
	} {
		if n := strings.Count(got, text); n != want {
			t.Errorf("%q is there %d times, want %d:\n%s", text, n, want, got)
		}
	}
}

// Byte for byte, so that an unchanged image has an unchanged name.
func TestAnImageDependsOnItsContentAlone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	digest := func(content string, at time.Time) v1.Hash {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
		r := newRoot()
		r.copy("/usr/bin/file", file)
		r.dir("/tmp", 0o1777, 0)
		image, err := r.image(empty.Image, v1.Config{Entrypoint: []string{"/usr/bin/file"}})
		if err != nil {
			t.Fatal(err)
		}
		hash, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	first := digest("a", time.Unix(1, 0))
	if again := digest("a", time.Unix(2, 0)); again != first {
		t.Errorf("the same content is %s, then %s", first, again)
	}
	if other := digest("b", time.Unix(1, 0)); other == first {
		t.Error("another content has the same digest")
	}
	r := newRoot()
	r.copy("/file", filepath.Join(t.TempDir(), "missing"))
	if _, err := r.image(empty.Image, v1.Config{}); err == nil {
		t.Error("an image lacks a file, and nobody is told")
	}
}

func TestSettingsOfTheNodeAreComplete(t *testing.T) {
	t.Parallel()
	entries, err := config.ReadDir("config")
	if err != nil {
		t.Fatal(err)
	}
	c := cluster{name: "node", domain: "example.com", registry: 3}
	for _, entry := range entries {
		content, err := c.render(entry.Name(), map[string]string{"coredns": "image", "knative/kingress": "image"})
		if err != nil || bytes.Contains(content, []byte("{{")) || bytes.Contains(content, []byte("<no value>")) {
			t.Errorf("%s: %v\n%s", entry.Name(), err, content)
		}
	}
}

func TestAProcessIsKnownByItsStart(t *testing.T) {
	t.Parallel()
	if now := started(os.Getpid()); now == "" {
		t.Error("this process has not started")
	}
	if got := started(1 << 30); got != "" {
		t.Errorf("a process that there is not started at %s", got)
	}
}
