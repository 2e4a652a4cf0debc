// Package manifests checks what `ko apply -Rf config/knative` and `ko apply -f
// config/eventing` apply, as far as that can be done without a cluster.
package manifests

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/serving/pkg/apis/config"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/yaml"

	"github.com/todochat/todochat/hack/settings"
)

const (
	root   = "../.."
	folder = root + "/config/knative"
)

// manifest is one file, decoded strictly into its type.
type manifest struct {
	file   string
	text   []byte
	kind   string
	object metav1.Object
}

// types are all that config/knative has. A kind that is not here is refused.
var types = map[string]func() any{
	"v1 Namespace":                       func() any { return &corev1.Namespace{} },
	"v1 ConfigMap":                       func() any { return &corev1.ConfigMap{} },
	"v1 Service":                         func() any { return &corev1.Service{} },
	"v1 PersistentVolumeClaim":           func() any { return &corev1.PersistentVolumeClaim{} },
	"apps/v1 Deployment":                 func() any { return &appsv1.Deployment{} },
	"apps/v1 StatefulSet":                func() any { return &appsv1.StatefulSet{} },
	"batch/v1 Job":                       func() any { return &batchv1.Job{} },
	"batch/v1 CronJob":                   func() any { return &batchv1.CronJob{} },
	"networking.k8s.io/v1 NetworkPolicy": func() any { return &networkingv1.NetworkPolicy{} },
	"serving.knative.dev/v1 Service":     func() any { return &servingv1.Service{} },
}

func read(t *testing.T) []manifest {
	t.Helper()
	out := readFolder(t, folder, types)
	if len(out) < 15 {
		t.Fatalf("only %d manifests were read", len(out))
	}
	return out
}

func readFolder(t *testing.T, folder string, types map[string]func() any) []manifest {
	t.Helper()
	var out []manifest
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		m, err := decode(filepath.Base(path), text, types)
		if err == nil && filepath.Ext(path) != ".yaml" {
			err = errors.New("every file here is applied, and must be YAML")
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		out = append(out, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func decode(name string, text []byte, types map[string]func() any) (manifest, error) {
	var head metav1.TypeMeta
	if err := yaml.Unmarshal(text, &head); err != nil {
		return manifest{}, err
	}
	m := manifest{file: name, text: text, kind: head.APIVersion + " " + head.Kind}
	empty, ok := types[m.kind]
	if !ok {
		return manifest{}, fmt.Errorf("it is a %s, which this test does not know", m.kind)
	}
	object := empty()
	if err := yaml.UnmarshalStrict(text, object); err != nil {
		return manifest{}, err
	}
	m.object = object.(metav1.Object)
	return m, nil
}

func TestEachFileIsOneObjectOfOurNamespace(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for _, m := range slices.Concat(read(t), readEventing(t)) {
		if bytes.Contains(m.text, []byte("\n---")) {
			t.Errorf("%s holds more than one object", m.file)
		}
		if ns := m.object.GetNamespace(); ns != "todochat" && m.kind != "v1 Namespace" {
			t.Errorf("%s is in namespace %q", m.file, ns)
		}
		key := m.kind + m.object.GetName()
		if other := names[key]; other != "" {
			t.Errorf("%s and %s are the same object", m.file, other)
		}
		names[key] = m.file
		if bytes.Contains(m.text, []byte("kind: Secret")) || bytes.Contains(m.text, []byte("password:")) {
			t.Errorf("%s holds a secret", m.file)
		}
	}
}

func TestKnativeAcceptsTheServicesAsTheyStand(t *testing.T) {
	t.Parallel()
	knativeAccepts(t, read(t))
}

func knativeAccepts(t *testing.T, manifests []manifest) {
	t.Helper()
	seen := 0
	for _, m := range manifests {
		service, ok := m.object.(*servingv1.Service)
		if !ok {
			continue
		}
		seen++
		// The defaults of an installation that nobody has configured: no
		// feature flag is on.
		ctx := config.ToContext(t.Context(), &config.Config{})
		store := config.FromContextOrDefaults(ctx)
		ctx = config.ToContext(t.Context(), store)
		service.SetDefaults(ctx)
		if err := service.Validate(ctx); err != nil {
			t.Errorf("%s: %v", m.file, err)
		}
	}
	if seen != 3 {
		t.Errorf("%d Knative Services, want todo, chat and frontend", seen)
	}
}

// TestAnnotationsAreSpelledRight keeps a list: a misspelt annotation is valid,
// and does nothing.
func TestAnnotationsAreSpelledRight(t *testing.T) {
	t.Parallel()
	manifests := read(t)
	annotationsAreKnown(t, manifests)
	for _, m := range manifests {
		if service, ok := m.object.(*servingv1.Service); ok && service.Spec.Template.Annotations["autoscaling.knative.dev/min-scale"] != "0" {
			t.Errorf("%s does not scale to zero", m.file)
		}
	}
}

func annotationsAreKnown(t *testing.T, manifests []manifest) {
	t.Helper()
	known := []string{"autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/max-scale", "autoscaling.knative.dev/target"}
	for _, m := range manifests {
		annotations := m.object.GetAnnotations()
		if service, ok := m.object.(*servingv1.Service); ok {
			for name, value := range service.Spec.Template.Annotations {
				if !slices.Contains(known, name) {
					t.Errorf("%s: unknown annotation %s", m.file, name)
				}
				if _, err := strconv.Atoi(value); err != nil {
					t.Errorf("%s: %s is %q", m.file, name, value)
				}
			}
		}
		if len(annotations) > 0 {
			t.Errorf("%s has annotations that this test does not know: %v", m.file, annotations)
		}
	}
}

// podsOf returns the pod specs of a manifest.
func podsOf(m manifest) []corev1.PodSpec {
	switch o := m.object.(type) {
	case *appsv1.Deployment:
		return []corev1.PodSpec{o.Spec.Template.Spec}
	case *appsv1.StatefulSet:
		return []corev1.PodSpec{o.Spec.Template.Spec}
	case *batchv1.Job:
		return []corev1.PodSpec{o.Spec.Template.Spec}
	case *batchv1.CronJob:
		return []corev1.PodSpec{o.Spec.JobTemplate.Spec.Template.Spec}
	case *servingv1.Service:
		return []corev1.PodSpec{o.Spec.Template.Spec.PodSpec}
	}
	return nil
}

func TestEveryContainerIsRestrictedAndSized(t *testing.T) {
	t.Parallel()
	for _, m := range slices.Concat(read(t), readEventing(t)) {
		for _, pod := range podsOf(m) {
			if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
				t.Errorf("%s mounts a service account token", m.file)
			}
			for _, c := range pod.Containers {
				s := c.SecurityContext
				nonRoot := s.RunAsNonRoot != nil && *s.RunAsNonRoot || pod.SecurityContext != nil && pod.SecurityContext.RunAsNonRoot != nil && *pod.SecurityContext.RunAsNonRoot
				seccomp := s.SeccompProfile != nil || pod.SecurityContext != nil && pod.SecurityContext.SeccompProfile != nil
				if !nonRoot || !seccomp || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
					s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL") {
					t.Errorf("%s: %s is not restricted in full", m.file, c.Name)
				}
				if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
					t.Errorf("%s: %s does not say what it needs", m.file, c.Name)
				}
				if !strings.HasPrefix(c.Image, "ko://github.com/todochat/todochat/") && strings.Count(c.Image, ":") != 1 {
					t.Errorf("%s: image %s is pinned by no tag", m.file, c.Image)
				}
			}
		}
	}
}

func TestImagesAreOfProgramsThatExist(t *testing.T) {
	t.Parallel()
	for _, m := range slices.Concat(read(t), readEventing(t)) {
		for _, pod := range podsOf(m) {
			for _, c := range pod.Containers {
				if program, ours := strings.CutPrefix(c.Image, "ko://github.com/todochat/todochat/"); ours {
					if _, err := os.Stat(filepath.Join(root, program, "main.go")); err != nil {
						t.Errorf("%s: %s is no program", m.file, c.Image)
					}
				}
			}
		}
	}
}

// TestARolloutFitsTheDatabase checks 2 × Σ(max-scale × pool size) + what
// administers < max_connections: a rollout runs two revisions.
func TestARolloutFitsTheDatabase(t *testing.T) {
	t.Parallel()
	manifests := read(t)
	limit := 0
	for _, m := range manifests {
		if o, ok := m.object.(*appsv1.StatefulSet); ok {
			for _, arg := range o.Spec.Template.Spec.Containers[0].Args {
				if n, ok := strings.CutPrefix(arg, "max_connections="); ok {
					limit, _ = strconv.Atoi(n)
				}
			}
		}
	}
	if most := connections(t, manifests); limit == 0 || most >= limit {
		t.Errorf("%d connections, but max_connections is %d", most, limit)
	}
}

// connections is how many there can be during a rollout.
func connections(t *testing.T, manifests []manifest) int {
	t.Helper()
	const admin = 10
	pools, sum := map[string]int{}, 0
	for _, m := range manifests {
		if o, ok := m.object.(*corev1.ConfigMap); ok {
			if size, err := strconv.Atoi(o.Data["DATABASE_POOL_SIZE"]); err == nil {
				pools[strings.TrimPrefix(o.Name, "config-")] = size
			}
		}
	}
	for _, m := range manifests {
		if service, ok := m.object.(*servingv1.Service); ok && pools[service.Name] > 0 {
			scale, err := strconv.Atoi(service.Spec.Template.Annotations["autoscaling.knative.dev/max-scale"])
			if err != nil {
				t.Fatal(err)
			}
			sum += scale * pools[service.Name]
		}
	}
	if len(pools) != 2 {
		t.Errorf("pools of %v, want those of todo and chat", pools)
	}
	return 2*sum + admin
}

// TestEverySettingIsReadByItsProgram follows each key of a ConfigMap, and each
// variable of a container, to the program that gets it; and each variable that
// a program requires back to what gives it.
func TestEverySettingIsReadByItsProgram(t *testing.T) {
	t.Parallel()
	everySettingIsRead(t, slices.Concat(read(t), readEventing(t)))
}

func everySettingIsRead(t *testing.T, manifests []manifest) {
	t.Helper()
	maps := map[string]map[string]string{}
	for _, m := range manifests {
		if o, ok := m.object.(*corev1.ConfigMap); ok {
			maps[o.Name] = o.Data
		}
	}
	secrets := map[string][]string{ // what hack/secrets makes
		"todo":    {"DATABASE_URL", "SIGNING_KEY"},
		"chat":    {"DATABASE_URL"},
		"migrate": {"DATABASE_URL", "TODO_DATABASE_PASSWORD", "CHAT_DATABASE_PASSWORD"},
	}
	used := map[string]bool{}
	for _, m := range manifests {
		for _, pod := range podsOf(m) {
			for _, c := range pod.Containers {
				program, ours := strings.CutPrefix(c.Image, "ko://github.com/todochat/todochat/")
				if !ours {
					continue
				}
				given := map[string]bool{}
				if len(c.Ports) > 0 {
					given["PORT"] = true // Knative sets it
				}
				for _, e := range c.Env {
					given[e.Name] = true
				}
				for _, from := range c.EnvFrom {
					if from.ConfigMapRef != nil {
						used[from.ConfigMapRef.Name] = true
						for key := range maps[from.ConfigMapRef.Name] {
							given[key] = true
						}
					}
					if from.SecretRef != nil {
						for _, key := range secrets[from.SecretRef.Name] {
							given[key] = true
						}
					}
				}
				known, err := settings.Read(root, program)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range known {
					if s.Required && !given[s.Name] {
						t.Errorf("%s does not give %s the %s that it requires", m.file, program, s.Name)
					}
					delete(given, s.Name)
				}
				for name := range given {
					t.Errorf("%s gives %s a %s that it does not read", m.file, program, name)
				}
			}
		}
	}
	for name := range maps {
		if !used[name] {
			t.Errorf("nobody reads the ConfigMap %s", name)
		}
	}
}

func TestProbesAskForPathsThatAreServed(t *testing.T) {
	t.Parallel()
	for _, m := range read(t) {
		service, ok := m.object.(*servingv1.Service)
		if !ok {
			continue
		}
		probe := service.Spec.Template.Spec.Containers[0].ReadinessProbe
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != "/readyz" {
			t.Errorf("%s is not asked whether it is ready", m.file)
		}
		if timeout := service.Spec.Template.Spec.TimeoutSeconds; timeout == nil || *timeout < 60 {
			t.Errorf("%s: no timeout that a slow model fits in", m.file)
		}
	}
}
