package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// released is what hack/release makes of a commit of the files as they are,
// with images in a registry of its own.
func released(t *testing.T, args ...string) (folder, printed string, err error) {
	t.Helper()
	folder = t.TempDir()
	if err := copyCheckout(t.Context(), "../..", folder); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"init", "--quiet"},
		{"add", "--all"},
		{"-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false", "commit", "--quiet", "--message=all"},
	} {
		if _, err := output(t.Context(), folder, "git", command...); err != nil {
			t.Fatal(err)
		}
	}
	host, base := registryWithBase(t)
	cmd := exec.CommandContext(t.Context(), filepath.Join(folder, "hack", "release"), args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "KO_DOCKER_REPO="+host+"/todochat", "KO_DEFAULTBASEIMAGE="+base, "KOCACHE=")
	printed, err = outputOf(cmd)
	return folder, printed, err
}

// registryWithBase has a base for two platforms, as most bases are.
func registryWithBase(t *testing.T) (host, base string) {
	t.Helper()
	host, stop, err := serveRegistry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	made, err := makeBase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(host + "/base:nonroot")
	if err != nil {
		t.Fatal(err)
	}
	bases := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, architecture := range []string{"amd64", "arm64"} {
		file, err := made.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		file = file.DeepCopy()
		file.Architecture = architecture
		one, err := mutate.ConfigFile(made, file)
		if err != nil {
			t.Fatal(err)
		}
		bases = mutate.AppendManifests(bases, mutate.IndexAddendum{
			Add:        one,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}
	if err := remote.WriteIndex(tag, bases, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	return host, tag.Name()
}

// TestAReleaseNamesGoodImagesByDigest pulls each image that the manifests of a
// release name, and looks at it as the command does.
func TestAReleaseNamesGoodImagesByDigest(t *testing.T) {
	t.Parallel()
	const file = "config/overlays/production/release.yaml"
	folder, printed, err := released(t, "-o", file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, file))
	if err != nil {
		t.Fatal(err)
	}
	commit, err := output(t.Context(), folder, "git", "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "# todochat at "+commit) || bytes.Contains(text, []byte("ko://")) {
		t.Errorf("the release begins with %.100q, or has an image that is not built", text)
	}
	if !strings.Contains(printed, "kubectl apply -k config/overlays/production") {
		t.Errorf("it does not say what to do:\n%s", printed)
	}
	if left, err := output(t.Context(), folder, "git", "status", "--short"); err != nil || left != "" {
		t.Errorf("it leaves files that git does not ignore: %v\n%s", err, left)
	}

	applied, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Dir(filepath.Join(folder, file)))
	if err != nil {
		t.Fatalf("the overlay does not take it: %v", err)
	}
	if want := bytes.Count(text, []byte("\nkind: ")) - 3; applied.Size() != want {
		t.Errorf("the overlay has %d objects, want %d: all but the database's three", applied.Size(), want)
	}

	seen := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)image: (127\.0\.0\.1\S+)$`).FindAllSubmatch(text, -1) {
		ref, err := name.NewDigest(string(found[1]))
		if err != nil {
			t.Errorf("not by digest: %v", err)
			continue
		}
		if !strings.Contains(printed, "  "+ref.Name()+"\n") {
			t.Errorf("it does not print %s:\n%s", ref, printed)
		}
		for _, program := range programs {
			if !strings.HasPrefix(ref.Context().RepositoryStr(), "todochat/"+filepath.Base(program)+"-") {
				continue
			}
			seen[program] = true
			i, err := pull(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := inspect(i, program); err != nil {
				t.Errorf("%s: %v", program, err)
			}
			if tagged, err := remote.Head(ref.Context().Tag(commit)); err != nil || tagged.Digest.String() != ref.DigestStr() {
				t.Errorf("%s is not tagged with its commit: %v", program, err)
			}
		}
	}
	if len(seen) != len(programs) {
		t.Errorf("the release has the images of %v, want %v", seen, programs)
	}
}

func TestAReleaseIsRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := copyCheckout(t.Context(), "../..", folder); err != nil {
		t.Fatal(err)
	}
	release := func(repository string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), filepath.Join(folder, "hack", "release"), args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "KO_DOCKER_REPO="+repository, "GIT_CEILING_DIRECTORIES="+filepath.Dir(folder))
		printed, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%q was accepted:\n%s", args, printed)
		}
		return string(printed)
	}
	for args, want := range map[string]string{"-x": "usage", "-o": "usage", "--platform": "usage", "now": "usage"} {
		if got := release("127.0.0.1:1/x", args); !strings.Contains(got, want) {
			t.Errorf("%s: it says %q, want %q in it", args, got, want)
		}
	}
	if got := release(""); !strings.Contains(got, "set KO_DOCKER_REPO") {
		t.Errorf("without a repository it says %q", got)
	}
	if got := release("127.0.0.1:1/x"); !strings.Contains(got, "not a git repository") {
		t.Errorf("without a commit it says %q", got)
	}
	if _, err := output(t.Context(), folder, "git", "init", "--quiet"); err != nil {
		t.Fatal(err)
	}
	if got := release("127.0.0.1:1/x"); !strings.Contains(got, "go.mod") || !strings.Contains(got, "commit or remove") {
		t.Errorf("of files that are not committed it says %q", got)
	}
}

// TestAWrongImageIsFound changes one thing at a time of an image that is right.
func TestAWrongImageIsFound(t *testing.T) {
	t.Parallel()
	host, base := registryWithBase(t)
	ko, err := output(t.Context(), "../..", "go", "tool", "-n", "ko")
	if err != nil {
		t.Fatal(err)
	}
	const program = "functions/migrate"
	b := build{ko: ko, folder: "../..", repository: host + "/test", base: base}
	images, err := b.images(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	right := images[program]
	if _, err := inspect(right, program); err != nil {
		t.Fatalf("the image is not right to begin with: %v", err)
	}

	configured := func(change func(*v1.ConfigFile)) image {
		file, err := right.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		file = file.DeepCopy()
		change(file)
		changed, err := mutate.ConfigFile(right.Image, file)
		if err != nil {
			t.Fatal(err)
		}
		return image{Image: changed, sbom: right.sbom}
	}
	layered := func(bytes int64) image {
		layer, err := random.Layer(bytes, types.OCILayer)
		if err != nil {
			t.Fatal(err)
		}
		changed, err := mutate.AppendLayers(right.Image, layer)
		if err != nil {
			t.Fatal(err)
		}
		return image{Image: changed, sbom: right.sbom}
	}
	listing := func(change func(string) string) image {
		return image{Image: right.Image, sbom: []byte(change(string(right.sbom)))}
	}
	for _, c := range []struct {
		image image
		want  string
	}{
		{configured(func(f *v1.ConfigFile) { f.Config.User = "" }), "runs as"},
		{configured(func(f *v1.ConfigFile) { f.Config.User = "0:65532" }), "runs as"},
		{configured(func(f *v1.ConfigFile) { f.Architecture = "arm64" }), "linux/arm64"},
		{configured(func(f *v1.ConfigFile) { delete(f.Config.Labels, "org.opencontainers.image.licenses") }), "image.licenses"},
		{configured(func(f *v1.ConfigFile) { f.Config.Entrypoint = []string{"/bin/sh"} }), "it starts"},
		{layered(mostBytes), "at most 15.00 MB"},
		{listing(func(string) string { return "{}" }), "not SPDX's"},
		{listing(func(s string) string { return strings.ReplaceAll(s, "pgx/v5", "pgy/v5") }), "github.com/jackc/pgx/v5"},
		{listing(func(s string) string {
			return strings.ReplaceAll(s, `"name": "github.com/todochat/todochat"`, `"name": "x"`)
		}), "does not name github.com/todochat/todochat"},
	} {
		_, err := inspect(c.image, program)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("it says %v, want %q", err, c.want)
		}
	}
	if _, err := inspect(right, "functions/todo"); err == nil || !strings.Contains(err.Error(), "/ko-app/todo: it is not there") {
		t.Errorf("of another program's image it says %v", err)
	}
}

func TestEachLabelIsOneLineThatAFlagTakes(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(labels) {
		key, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !found || !strings.HasPrefix(key, "org.opencontainers.image.") || value == "" || strings.ContainsAny(value, `,"`) {
			t.Errorf("%q is no label, or has what separates labels in it", line)
		}
	}
}

func TestTheBaseIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	var digests [2]v1.Hash
	for i := range digests {
		made, err := makeBase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if digests[i], err = made.Digest(); err != nil {
			t.Fatal(err)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("two bases are %v", digests)
	}
}
