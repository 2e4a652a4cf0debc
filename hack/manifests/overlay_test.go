package manifests

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const overlay = root + "/config/overlays/production/"

// Images as hack/release names them, by digest, and as config/knative does.
var (
	released = "registry.example.com/todochat/$1@sha256:" + strings.Repeat("0", 64)
	toBuild  = regexp.MustCompile(`ko://github\.com/todochat/todochat/(\S+)`)
	built    = regexp.MustCompile(`registry\.example\.com/todochat/(\S+)@sha256:0{64}`)
)

// production returns what `kubectl apply -k config/overlays/production`
// applies, but for the images, which are named as in config/knative.
func production(t *testing.T, kustomization []byte) []manifest {
	t.Helper()
	var release bytes.Buffer
	for _, m := range read(t) {
		release.WriteString("---\n")
		release.Write(toBuild.ReplaceAll(m.text, []byte(released)))
	}
	files := filesys.MakeFsInMemory()
	for name, content := range map[string][]byte{"kustomization.yaml": kustomization, "release.yaml": release.Bytes()} {
		if err := files.WriteFile("/"+name, content); err != nil {
			t.Fatal(err)
		}
	}
	result, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "/")
	if err != nil {
		t.Fatal(err)
	}
	var out []manifest
	for _, resource := range result.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("ko://")) {
			t.Errorf("%s has an image that nobody has built", resource.GetName())
		}
		m, err := decode(resource.GetKind()+" "+resource.GetName(), built.ReplaceAll(text, []byte("ko://github.com/todochat/todochat/$1")), types)
		if err != nil {
			t.Errorf("%s %s: %v", resource.GetKind(), resource.GetName(), err)
			continue
		}
		out = append(out, m)
	}
	return out
}

func kustomization(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(overlay + "kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestProductionIsTheSameWithoutADatabase(t *testing.T) {
	t.Parallel()
	names := func(manifests []manifest) map[string]bool {
		all := map[string]bool{}
		for _, m := range manifests {
			all[m.kind+" "+m.object.GetName()] = true
		}
		return all
	}
	want := names(read(t))
	for _, gone := range []string{"apps/v1 StatefulSet postgres", "v1 Service postgres", "networking.k8s.io/v1 NetworkPolicy postgres"} {
		if !want[gone] {
			t.Errorf("config/knative has no %s to leave out", gone)
		}
		delete(want, gone)
	}
	manifests := production(t, kustomization(t))
	if got := names(manifests); !maps.Equal(got, want) {
		t.Errorf("production has\n%q, want\n%q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	for _, m := range manifests {
		if bytes.Contains(m.text, []byte("postgres")) {
			t.Errorf("%s still names the database that is left out:\n%s", m.file, m.text)
		}
		if ns := m.object.GetNamespace(); ns != "todochat" && m.kind != "v1 Namespace" {
			t.Errorf("%s is in namespace %q", m.file, ns)
		}
	}
	knativeAccepts(t, manifests)
	annotationsAreKnown(t, manifests)
	everySettingIsRead(t, manifests)
}

// TestProductionChangesNothingButTheScale compares the rest of each manifest.
func TestProductionChangesNothingButTheScale(t *testing.T) {
	t.Parallel()
	before := map[string]manifest{}
	for _, m := range read(t) {
		before[m.kind+" "+m.object.GetName()] = m
	}
	scales := map[string]string{}
	for _, m := range production(t, kustomization(t)) {
		base := before[m.kind+" "+m.object.GetName()]
		if service, ok := m.object.(*servingv1.Service); ok {
			annotations := service.Spec.Template.Annotations
			of := base.object.(*servingv1.Service).Spec.Template.Annotations
			for _, name := range []string{"autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/max-scale"} {
				scales[service.Name] += annotations[name] + " "
				annotations[name] = of[name]
			}
		}
		if diff := cmp.Diff(base.object, m.object); diff != "" {
			t.Errorf("%s differs from config/knative (-there +here):\n%s", m.file, diff)
		}
	}
	want := map[string]string{"frontend": "2 8 ", "todo": "2 8 ", "chat": "0 4 "}
	if !maps.Equal(scales, want) {
		t.Errorf("min-scale and max-scale are %v, want %v", scales, want)
	}
}

func TestProductionSaysHowManyConnectionsItNeeds(t *testing.T) {
	t.Parallel()
	text := kustomization(t)
	if want := fmt.Sprintf("= %d.", connections(t, production(t, text))); !bytes.Contains(text, []byte(want)) {
		t.Errorf("the comment on max_connections must end in %q", want)
	}
}

// TestThePoolerOfTheCommentWorks takes the comment signs off that choice.
func TestThePoolerOfTheCommentWorks(t *testing.T) {
	t.Parallel()
	text, choice, found := strings.Cut(string(kustomization(t)), "  # - target:")
	if !found {
		t.Fatal("the choice is no longer there")
	}
	chosen := text + strings.ReplaceAll("  # - target:"+choice, "\n  # ", "\n  ")
	chosen = strings.Replace(chosen, "  # - target:", "  - target:", 1)
	modes := map[string]string{}
	for _, m := range production(t, []byte(chosen)) {
		if o, ok := m.object.(*corev1.ConfigMap); ok {
			if mode, ok := o.Data["DATABASE_EXEC_MODE"]; ok {
				modes[o.Name] = mode
			}
		}
	}
	if want := map[string]string{"config-todo": "cache_describe", "config-chat": "cache_describe"}; !maps.Equal(modes, want) {
		t.Errorf("the modes are %v, want %v", modes, want)
	}
}
