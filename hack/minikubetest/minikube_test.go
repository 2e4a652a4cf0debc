// Package minikubetest runs hack/minikube against stand-ins of minikube,
// kubectl, docker and go, which record how they are called. So
// the tests need no Docker and change no cluster; what is checked here is the
// order of the calls, their arguments and what the script says, not that they
// work.
package minikubetest

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

const script = "../minikube"

// theirs is what the script needs beside the programs with stand-ins.
var theirs = []string{"bash", "cat", "dirname", "env", "mktemp", "rm", "sed", "sleep", "tail"}

// The test binary is the stand-ins as well: it is linked under their names.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if slices.Contains([]string{"minikube", "kubectl", "docker", "go"}, name) {
		os.Exit(standIn(name, strings.Join(append([]string{name}, os.Args[1:]...), " ")))
	}
	os.Exit(m.Run())
}

const kubeconfig = "the kubeconfig of the profile alone\n"

// standIn records the call, with what it got from before it, and answers as
// the scenario says: a file of the scenario's folder per fact.
func standIn(name, call string) int {
	dir := os.Getenv("SCENARIO")
	fact := func(of string) string {
		text, _ := os.ReadFile(filepath.Join(dir, of))
		return strings.TrimSpace(string(text))
	}
	record := func(line string) {
		f, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		defer f.Close()
		if _, err := f.WriteString(line + "\n"); err != nil {
			panic(err)
		}
	}
	line := call
	if call == "kubectl apply -f -" {
		manifest, err := io.ReadAll(os.Stdin)
		if err != nil {
			panic(err)
		}
		line += " <" + strings.TrimSpace(string(manifest))
	}
	if ours, _ := os.ReadFile(os.Getenv("KUBECONFIG")); string(ours) == kubeconfig {
		line = "@ " + line // it reaches the profile's cluster, whatever the user's context
	}
	for _, v := range []string{"KO_DOCKER_REPO", "DOCKER_HOST"} {
		if value := os.Getenv(v); value != "" && name == "go" {
			line = v + "=" + value + " " + line
		}
	}
	ended := make(chan os.Signal, 1) // known before the call is, so that none comes too early
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	record(line)

	if failing := fact("fails"); failing != "" && strings.HasPrefix(call, failing) {
		fmt.Fprintln(os.Stderr, "the reason that it gave")
		return 7
	}
	if hanging := fact("hangs"); hanging != "" && strings.HasPrefix(call, hanging) {
		return await(ended, func() { record("terminated: " + call) })
	}
	switch {
	case call == "minikube version --short":
		fmt.Println(cmp.Or(fact("version"), "v1.37.0"))
	case strings.Contains(call, " status --format"):
		if fact("running") == "" {
			fmt.Fprintln(os.Stderr, "no such profile")
			return 85
		}
		fmt.Println("Running Running Configured")
	case strings.HasSuffix(call, " docker-env --shell bash"):
		fmt.Println(`export DOCKER_HOST="tcp://node"`)
		fmt.Println("# a comment, as minikube adds one")
	case strings.Contains(call, " tunnel "):
		return await(ended, func() { record("the tunnel tidies up") })
	case strings.Contains(call, " config view "):
		fmt.Print(kubeconfig)
	case strings.HasPrefix(call, "kubectl get namespace --selector"):
		if fact("running") != "" {
			fmt.Println("namespace/knative-serving")
		}
	case strings.Contains(call, "get job migrate"):
		fmt.Print(fact("migrate"))
	case strings.Contains(call, "get ksvc frontend"):
		fmt.Print("http://frontend.todochat.127.0.0.1.sslip.io")
	case call == "go run ./hack/secrets":
		fmt.Println("the manifests of hack/secrets")
	case call == "go env GOARCH":
		fmt.Println("arm64")
	}
	return 0
}

// await blocks until it is told to end, as a program that runs for long.
func await(ended <-chan os.Signal, then func()) int {
	select {
	case <-ended:
		then()
		return 0
	case <-time.After(time.Minute):
		return 1
	}
}

// machine is a laptop: its PATH holds the stand-ins, and nothing else that the
// script could call by mistake.
type machine struct {
	dir string
	env []string
}

func newMachine(t *testing.T, facts map[string]string, without ...string) machine {
	t.Helper()
	m := machine{dir: t.TempDir()}
	bin := filepath.Join(m.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := func(to, name string) {
		if slices.Contains(without, name) {
			return
		}
		if err := os.Symlink(to, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"minikube", "kubectl", "docker", "go"} {
		link(self, name)
	}
	for _, name := range theirs {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		link(path, name)
	}
	for name, text := range facts {
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.env = []string{
		"PATH=" + bin, "SCENARIO=" + m.dir, "HOME=" + m.dir, "TMPDIR=" + m.dir, "KUBECONFIG=" + filepath.Join(m.dir, "of-the-user"),
		"GORACE=atexit_sleep_ms=0", // or each stand-in takes a second with -race
	}
	return m
}

func (m machine) command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(m.dir, "bin", "bash"), append([]string{script}, args...)...)
	cmd.Env = append(slices.Clone(m.env), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a terminal does: Ctrl-C goes to the group
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// run runs the script to its end.
func (m machine) run(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, diagnostics bytes.Buffer
	cmd := m.command(t, env, args...)
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatalf("hack/minikube: %v\n%s", err, diagnostics.String())
	}
	return cmd.ProcessState.ExitCode(), out.String(), diagnostics.String()
}

func (m machine) calls(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir, "calls"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

var (
	checks = []string{"minikube version --short", "docker info"}
	status = "minikube -p todochat status --format {{.Host}} {{.APIServer}} {{.Kubeconfig}}"
	start  = "minikube -p todochat start --driver=docker --container-runtime=docker --keep-context --cpus=4 --memory=8g"
	view   = "kubectl --context todochat config view --minify --flatten --raw"
	asked  = "@ kubectl get namespace --selector todochat.dev/knative=v1.23.0 --output name"

	installed = []string{
		"@ kubectl apply -f https://github.com/knative/serving/releases/download/knative-v1.23.0/serving-crds.yaml",
		"@ kubectl wait crd --selector knative.dev/crd-install=true --for=condition=Established --timeout=24h",
		"@ kubectl apply -f https://github.com/knative/serving/releases/download/knative-v1.23.0/serving-core.yaml",
		"@ kubectl --namespace knative-serving wait deployment --all --for=condition=Available --timeout=24h",
		"@ kubectl apply -f https://github.com/knative-extensions/net-kourier/releases/download/knative-v1.23.0/kourier.yaml",
		`@ kubectl --namespace knative-serving patch configmap config-network --type merge --patch {"data":{"ingress-class":"kourier.ingress.networking.knative.dev"}}`,
		`@ kubectl --namespace knative-serving patch configmap config-domain --type merge --patch {"data":{"127.0.0.1.sslip.io":""}}`,
		"@ kubectl --namespace knative-serving wait deployment --all --for=condition=Available --timeout=24h",
		"@ kubectl --namespace kourier-system wait deployment --all --for=condition=Available --timeout=24h",
		"@ kubectl label namespace knative-serving --overwrite todochat.dev/knative=v1.23.0",
	}
	deployed = []string{
		"@ go run ./hack/secrets",
		"@ kubectl apply -f - <the manifests of hack/secrets",
		"@ minikube -p todochat docker-env --shell bash",
		"DOCKER_HOST=tcp://node @ go env GOARCH",
		"DOCKER_HOST=tcp://node KO_DOCKER_REPO=ko.local @ go tool ko apply -Rf config/knative --platform=linux/arm64",
		"@ kubectl --namespace todochat rollout status statefulset/postgres --timeout=24h",
		`@ kubectl --namespace todochat get job migrate --ignore-not-found --output jsonpath={.metadata.name} {.status.conditions[?(@.status=="True")].type}`,
		"@ kubectl --namespace todochat wait ksvc/todo --for=condition=Ready --timeout=24h",
		"@ kubectl --namespace todochat wait ksvc/chat --for=condition=Ready --timeout=24h",
		"@ kubectl --namespace todochat wait ksvc/frontend --for=condition=Ready --timeout=24h",
		"@ kubectl --namespace todochat get ksvc frontend --output jsonpath={.status.url}",
	}
	tunnelled = []string{"@ minikube -p todochat tunnel --bind-address=127.0.0.1", "the tunnel tidies up"}
)

func TestAFreshMachineGetsAllAndATunnelUntilCtrlC(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]string{"migrate": "migrate SuccessCriteriaMet Complete"})
	cmd := m.command(t, nil)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var diagnostics bytes.Buffer
	cmd.Stderr = &diagnostics
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), "hack/minikube --delete") { // the last line before the tunnel
			break
		}
	}
	waitFor(t, func() bool { return slices.Contains(m.calls(t), tunnelled[0]) })
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v, want exit 0\n%s", err, diagnostics.String())
	}
	if !slices.Contains(said, "http://frontend.todochat.127.0.0.1.sslip.io") {
		t.Errorf("stdout has no line of the URL alone: %q", said)
	}
	for _, want := range []string{"postgres migrate todo chat frontend", "The tunnel is closed; the cluster runs on."} {
		if !strings.Contains(diagnostics.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, diagnostics.String())
		}
	}
	want := slices.Concat(checks, []string{status, start, view, asked}, installed, deployed, tunnelled)
	if diff := gocmp.Diff(want, m.calls(t)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if left, _ := filepath.Glob(filepath.Join(m.dir, "tmp.*")); len(left) > 0 {
		t.Errorf("it left %v, with the cluster's key in it", left)
	}
}

func TestASecondRunRepeatsOnlyWhatIsNeeded(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]string{"running": "yes"})
	code, out, diagnostics := m.run(t, nil, "--no-tunnel")
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, diagnostics)
	}
	want := slices.Concat(checks, []string{status, view, asked}, deployed)
	if diff := gocmp.Diff(want, m.calls(t)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	for _, want := range []string{
		"\nhttp://frontend.todochat.127.0.0.1.sslip.io\n",
		"minikube -p todochat tunnel --bind-address=127.0.0.1\n",
		"kubectl --context todochat --namespace kourier-system port-forward service/kourier 8080:80\n",
		"curl --resolve frontend.todochat.127.0.0.1.sslip.io:80:127.0.0.1 http://frontend.todochat.127.0.0.1.sslip.io/api/health\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	for _, step := range []string{`tools +\d+s`, `cluster +\d+s it runs already`, `knative +\d+s v1\.23\.0 is there`, `secrets +\d+s`, `images +\d+s`, `ready +postgres migrate todo chat frontend \d+s`, `url +\d+s`} {
		if !regexp.MustCompile(`(?m)^` + step + ` *$`).MatchString(diagnostics) {
			t.Errorf("no line %s:\n%s", step, diagnostics)
		}
	}
}

func TestProfileAndSizeCanBeChosen(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]string{"fails": "minikube -p mine start"})
	m.run(t, []string{"MINIKUBE_PROFILE=mine", "MINIKUBE_FLAGS=--cpus=2 --memory=6g"})
	want := "minikube -p mine start --driver=docker --container-runtime=docker --keep-context --cpus=2 --memory=6g"
	if got := m.calls(t); got[len(got)-1] != want {
		t.Errorf("last call %q, want %q", got[len(got)-1], want)
	}
}

func TestWhatIsMissingIsSaidBeforeAnythingChanges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		facts   map[string]string
		without []string
		say     []string
	}{
		{"no kubectl", nil, []string{"kubectl"}, []string{"kubectl is missing: it speaks to the cluster; brew install kubectl"}},
		{"nothing", nil, []string{"minikube", "kubectl", "go", "docker"}, []string{
			"minikube is missing: it makes the cluster", "kubectl is missing", "go is missing: it builds the programs", "docker is missing: it is what the cluster runs in",
		}},
		{"an old minikube", map[string]string{"version": "v1.36.0"}, nil, []string{"minikube v1.36.0 is too old: 1.37 is the first"}},
		{"one that only looks newer", map[string]string{"version": "v1.9.2"}, nil, []string{"minikube v1.9.2 is too old"}},
		{"an unknown one", map[string]string{"version": "unknown"}, nil, []string{"minikube unknown is too old"}},
		{"docker is not started", map[string]string{"fails": "docker info"}, nil, []string{"docker does not answer: start it"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, test.facts, test.without...)
			code, out, diagnostics := m.run(t, nil)
			if code != 1 || out != "" {
				t.Errorf("exit %d, stdout %q, want 1 and nothing", code, out)
			}
			for _, want := range append(test.say, "Nothing was changed.") {
				if !strings.Contains(diagnostics, want) {
					t.Errorf("it does not say %q:\n%s", want, diagnostics)
				}
			}
			for _, call := range m.calls(t) {
				if !slices.Contains(checks, call) {
					t.Errorf("it called %q", call)
				}
			}
		})
	}
}

func TestNewerMinikubesAreTaken(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"v1.37.1", "v1.100.0", "v2.0.0"} {
		m := newMachine(t, map[string]string{"version": version, "running": "yes"})
		if code, _, diagnostics := m.run(t, nil, "--no-tunnel"); code != 0 {
			t.Errorf("%s: exit %d\n%s", version, code, diagnostics)
		}
	}
}

// failures are one per step: which call fails, and what is said to do next.
var failures = []struct{ step, call, next string }{
	{"cluster", "minikube -p todochat start", "MINIKUBE_FLAGS='--cpus=… --memory=…'"},
	{"knative", "kubectl apply -f https://github.com/knative/serving", "kubectl --context todochat get pods -A"},
	{"secrets", "go run ./hack/secrets", "kubectl --context todochat get nodes"},
	{"images", "go tool ko", "wait a minute first"},
	{"ready", "kubectl --namespace todochat wait ksvc/chat", "get pods,ksvc"},
	{"url", "kubectl --namespace todochat get ksvc frontend", "describe ksvc frontend"},
}

func TestAStepThatFailsEndsTheRunAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, test := range failures {
		t.Run(test.step, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, map[string]string{"fails": test.call})
			code, out, diagnostics := m.run(t, nil)
			if code != 1 || out != "" {
				t.Errorf("exit %d, stdout %q, want 1 and nothing", code, out)
			}
			if !regexp.MustCompile(`(?ms)^` + test.step + ` .*FAILED after \d+s\n.*    the reason that it gave\n.*` + regexp.QuoteMeta(test.next)).MatchString(diagnostics) {
				t.Errorf("said:\n%s\nwant the step %s, the reason and %q", diagnostics, test.step, test.next)
			}
			got := m.calls(t)
			last := strings.TrimPrefix(got[len(got)-1], "@ ")
			if !strings.Contains(last, test.call) && test.step != "secrets" { // kubectl runs beside it
				t.Errorf("it went on to %q", last)
			}
		})
	}
}

func TestAJobThatFailsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]string{"running": "yes", "migrate": "migrate FailureTarget Failed"})
	code, _, diagnostics := m.run(t, nil)
	if code != 1 || !strings.Contains(diagnostics, "FAILED after") {
		t.Errorf("exit %d, said:\n%s\nwant 1 and a failure", code, diagnostics)
	}
	if got := m.calls(t); got[len(got)-1] != "@ kubectl --namespace todochat logs job/migrate" {
		t.Errorf("last call %q, want the job's log", got[len(got)-1])
	}
}

func TestEachStepIsBounded(t *testing.T) {
	t.Parallel()
	for _, test := range failures {
		t.Run(test.step, func(t *testing.T) {
			t.Parallel()
			facts := map[string]string{"hangs": test.call}
			if test.step != "cluster" && test.step != "knative" {
				facts["running"] = "yes" // fewer calls that share the bound
			}
			m := newMachine(t, facts)
			code, _, diagnostics := m.run(t, []string{"STEP_TIMEOUT=6"})
			if code != 1 {
				t.Errorf("exit %d, want 1", code)
			}
			if !regexp.MustCompile(`(?ms)^` + test.step + ` .*FAILED: not done within 6s \(STEP_TIMEOUT=… allows more\)\n.*` + regexp.QuoteMeta(test.next)).MatchString(diagnostics) {
				t.Errorf("said:\n%s\nwant the step %s, its bound and %q", diagnostics, test.step, test.next)
			}
			if got := m.calls(t); !slices.ContainsFunc(got, func(call string) bool { return strings.HasPrefix(call, "terminated: "+test.call) }) {
				t.Errorf("what hung was not ended:\n%s", strings.Join(got, "\n"))
			}
		})
	}
}

func TestATunnelThatEndsByItselfIsAFailure(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]string{"running": "yes", "fails": "minikube -p todochat tunnel"})
	code, _, diagnostics := m.run(t, nil)
	if want := "The tunnel ended (exit 7)."; code != 1 || !strings.Contains(diagnostics, want) {
		t.Errorf("exit %d, said:\n%s\nwant 1 and %q", code, diagnostics, want)
	}
}

func TestDeletingAsksFirst(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, answer string
		args         []string
		code         int
		want         []string
	}{
		{"no answer", "", []string{"--delete"}, 1, nil},
		{"no", "n\n", []string{"--delete"}, 1, nil},
		{"yes", "y\n", []string{"--delete"}, 0, []string{"minikube -p todochat delete"}},
		{"yes beforehand", "", []string{"--delete", "--yes"}, 0, []string{"minikube -p todochat delete"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, nil)
			cmd := m.command(t, nil, test.args...)
			cmd.Stdin = strings.NewReader(test.answer)
			said, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != test.code {
				t.Errorf("exit %d, want %d\n%s", got, test.code, said)
			}
			if want := "database with all\naccounts and todos"; !bytes.Contains(said, []byte(want)) {
				t.Errorf("said:\n%s\nwant what is lost: %q", said, want)
			}
			if diff := gocmp.Diff(test.want, m.calls(t)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOtherArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"--tunnel", "--yes", "--help"} {
		m := newMachine(t, nil)
		if code, _, diagnostics := m.run(t, nil, arg); code != 2 || !strings.HasPrefix(diagnostics, "usage: ") || m.calls(t) != nil {
			t.Errorf("%s: exit %d, calls %q, said:\n%s\nwant 2 and the usage", arg, code, m.calls(t), diagnostics)
		}
	}
}

// The manifests are checked against a module; what is installed is its release.
func TestKnativeIsTheReleaseOfTheModule(t *testing.T) {
	t.Parallel()
	find := func(file, pattern string) (minor int, patch string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s has no %s", file, pattern)
		}
		minor, err = strconv.Atoi(string(found[1]))
		if err != nil {
			t.Fatal(err)
		}
		return minor, string(found[2])
	}
	release, patch := find(script, `(?m)^KNATIVE_VERSION=v1\.(\d+)\.(\d+)$`)
	module, modulePatch := find("../../go.mod", `(?m)^\s+knative\.dev/serving v0\.(\d+)\.(\d+)$`)
	if release+27 != module || patch != modulePatch {
		t.Errorf("hack/minikube installs Knative 1.%d.%s, go.mod has the types of 1.%d.%s (module v0.%d.%s)", release, patch, module-27, modulePatch, module, modulePatch)
	}
}

func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for tick := time.Tick(20 * time.Millisecond); !condition(); {
		select {
		case <-tick:
		case <-deadline:
			t.Fatal("it did not come to that")
		}
	}
}
