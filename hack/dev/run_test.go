package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// builds is where bin builds.
var builds string

func TestMain(m *testing.M) {
	var err error
	if builds, err = os.MkdirTemp("", "dev-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	_ = os.RemoveAll(builds)
	os.Exit(status)
}

// bin holds dev and four stand-ins for the programs, built once.
var bin = sync.OnceValues(func() (string, error) {
	for _, name := range []string{"dev", "todo", "chat", "frontend", "migrate"} {
		from := "./testdata/standin"
		if name == "dev" {
			from = "."
		}
		if out, err := exec.Command("go", "build", "-o", filepath.Join(builds, name), from).CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w: %s", name, err, out)
		}
	}
	return builds, nil
})

// These tests start servers on the usual ports or the next free ones, so they
// run one after the other.

func TestARunShowsOneAddressAndStopsCleanly(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			d := startDev(t, scratch(t))
			page := d.page(t)
			if got := get(t, page+"/readyz"); got != "" {
				t.Errorf("the page's program answers %q", got)
			}
			processes := d.processes(t)
			d.signal(t, sig)
			if err := d.end(t); err != nil {
				t.Errorf("it ends with %v, want success; it printed\n%s", err, d.out.String())
			}
			gone(t, processes)
			printed := d.out.String()
			before, _, _ := strings.Cut(printed, page)
			if strings.Contains(before, "://") {
				t.Errorf("an address is printed before the page's:\n%s", printed)
			}
			for _, want := range []string{"\nAssistant: the intent model, and rules when it is away. No Ollama answers at 127.0.0.1:1.\n", "frontend ", "see=http://elsewhere.test/", " stopped\n"} {
				if !strings.Contains(printed, want) {
					t.Errorf("%q is not printed:\n%s", want, printed)
				}
			}
		})
	}
}

func TestAnOllamaOfThisMachineIsStartedAndStopped(t *testing.T) {
	d := startDev(t, scratch(t), "OLLAMA_HOST=")
	d.page(t)
	chat := d.env(t, "chat")
	if answers, report := reportOllama(t.Context(), chat.get("OLLAMA_HOST")); !answers || chat.get("INTERPRETER") != "auto" {
		t.Errorf("the chat program has INTERPRETER=%s and OLLAMA_HOST=%s: %s", chat.get("INTERPRETER"), chat.get("OLLAMA_HOST"), report)
	}
	processes := d.processes(t)
	d.signal(t, syscall.SIGINT)
	if err := d.end(t); err != nil {
		t.Errorf("it ends with %v, want success; it printed\n%s", err, d.out.String())
	}
	gone(t, processes)
	if want := "\nAssistant: the intent model, and rules when it is away, in a private Ollama.\n"; !strings.Contains(d.out.String(), want) {
		t.Errorf("%q is not printed:\n%s", want, d.out.String())
	}
}

func TestProgramsLearnWhereTheOthersAre(t *testing.T) {
	d := startDev(t, scratch(t), "LOG_LEVEL=debug", "INTERPRETER=ollama:some", "PORT=9")
	d.page(t)
	todo, chat, frontend := d.env(t, "todo"), d.env(t, "chat"), d.env(t, "frontend")
	for name, env := range map[string]environment{"todo": todo, "chat": chat, "frontend": frontend} {
		if env.get("HOST") != "127.0.0.1" || env.get("LOG_LEVEL") != "debug" || env.get("INTERPRETER") != "ollama:some" {
			t.Errorf("%s has HOST=%s LOG_LEVEL=%s INTERPRETER=%s", name, env.get("HOST"), env.get("LOG_LEVEL"), env.get("INTERPRETER"))
		}
	}
	if got := todo.get("DATABASE_URL"); !strings.Contains(got, "user=todo") {
		t.Errorf("todo has DATABASE_URL=%s", got)
	}
	if got := chat.get("DATABASE_URL"); !strings.Contains(got, "user=chat") {
		t.Errorf("chat has DATABASE_URL=%s", got)
	}
	if got := frontend.get("DATABASE_URL"); got != "" {
		t.Errorf("frontend has DATABASE_URL=%s", got)
	}
	if _, err := os.Stat(todo.get("SIGNING_KEY_FILE")); err != nil {
		t.Errorf("todo's key: %v", err)
	}
	todoURL, chatURL := "http://127.0.0.1:"+todo.get("PORT"), "http://127.0.0.1:"+chat.get("PORT")
	if chat.get("TODO_URL") != todoURL || frontend.get("TODO_URL") != todoURL || frontend.get("CHAT_URL") != chatURL {
		t.Errorf("chat has TODO_URL=%s, frontend has TODO_URL=%s CHAT_URL=%s", chat.get("TODO_URL"), frontend.get("TODO_URL"), frontend.get("CHAT_URL"))
	}
}

func TestASecondRunWorksOnlyOnDataOfItsOwn(t *testing.T) {
	data := scratch(t)
	first := startDev(t, data)
	page := first.page(t)

	same := startDev(t, data)
	if err := same.end(t); exitCode(err) != 1 {
		t.Errorf("on the same data it ends with %v, want exit status 1", err)
	}
	if got := same.out.String(); !strings.Contains(got, "already running at "+page) || !strings.Contains(got, "DATA_DIR=") || strings.Count(got, "\n") != 1 {
		t.Errorf("on the same data it says %q", got)
	}

	other := startDev(t, scratch(t))
	if got := other.page(t); got == page {
		t.Errorf("both are at %s", got)
	}
}

func TestWhatIsKeptOutlivesARestart(t *testing.T) {
	data := scratch(t)
	var kept [2]string
	for i := range 2 {
		d := startDev(t, data)
		d.page(t)
		key, err := os.ReadFile(filepath.Join(data, "signing-key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		control, err := os.Stat(filepath.Join(data, "postgres", "PG_VERSION"))
		if err != nil {
			t.Fatal(err)
		}
		kept[i] = string(key) + control.ModTime().String()
		d.signal(t, syscall.SIGTERM)
		if err := d.end(t); err != nil {
			t.Fatal(err)
		}
	}
	if kept[0] != kept[1] {
		t.Error("the key or the database is another one after a restart")
	}
}

func TestACrashStopsEverythingAndIsNamed(t *testing.T) {
	t.Run("program", func(t *testing.T) {
		d := startDev(t, scratch(t))
		d.page(t)
		processes := d.processes(t)
		_, _ = http.Get(d.program(t, "chat") + "/crash") // it ends instead of answering
		d.failed(t, "chat ended unexpectedly: exit status 4")
		gone(t, processes)
	})
	t.Run("database", func(t *testing.T) {
		d := startDev(t, scratch(t))
		d.page(t)
		processes := d.processes(t)
		_ = syscall.Kill(processes["postgres"], syscall.SIGQUIT)
		d.failed(t, "PostgreSQL ended unexpectedly")
		gone(t, processes)
	})
}

func TestAFailedStartSaysWhoAndWhy(t *testing.T) {
	for name, want := range map[string]string{
		"frontend": "frontend ended unexpectedly: exit status 3",
		"migrate":  "migrate: exit status 3",
	} {
		t.Run(name, func(t *testing.T) {
			d := startDev(t, scratch(t), "STANDIN_DIES="+name)
			d.failed(t, want)
			if !strings.Contains(d.out.String(), "ERROR no luck today") {
				t.Errorf("what %s said of it is not printed:\n%s", name, d.out.String())
			}
		})
	}
}

func TestAGivenPortThatIsTakenIsNamed(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	port := busy.Addr().(*net.TCPAddr).Port
	startDev(t, scratch(t), fmt.Sprintf("CHAT_PORT=%d", port)).failed(t, fmt.Sprintf("CHAT_PORT=%d cannot be had", port))
}

func TestKilledItLeavesNoProcessAndStartsAgain(t *testing.T) {
	data := scratch(t)
	d := startDev(t, data)
	d.page(t)
	processes := d.processes(t)
	d.signal(t, syscall.SIGKILL)
	_ = d.end(t)

	again := startDev(t, data) // at once
	again.page(t)
	gone(t, processes)
}

// dev is a running one.
type dev struct {
	cmd  *exec.Cmd
	data string
	out  *output
	done chan error
}

func startDev(t *testing.T, data string, env ...string) *dev {
	t.Helper()
	dir, err := bin()
	if err != nil {
		t.Fatal(err)
	}
	d := &dev{cmd: exec.Command(filepath.Join(dir, "dev")), data: data, out: &output{}, done: make(chan error, 1)}
	clean := environment(os.Environ()).without("DATABASE_URL", "TODO_PORT", "CHAT_PORT", "FRONTEND_PORT", "HOST", "INTERPRETER")
	d.cmd.Env = append(clean.with("DATA_DIR", data).with("OLLAMA_HOST", "127.0.0.1:1"), env...)
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.done <- d.cmd.Wait() }()
	t.Cleanup(func() {
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-d.done:
		case <-time.After(time.Minute):
			_ = d.cmd.Process.Kill()
		}
	})
	return d
}

func (d *dev) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// end waits for dev to end.
func (d *dev) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-d.done:
		d.done <- err // for the next one who asks
		return err
	case <-time.After(time.Minute):
		t.Fatalf("it does not end; it printed\n%s", d.out.String())
		return nil
	}
}

// failed waits for dev to end with exit status 1 and want as its last line.
func (d *dev) failed(t *testing.T, want string) {
	t.Helper()
	err := d.end(t)
	lines := strings.Split(strings.TrimSpace(d.out.String()), "\n")
	if last := lines[len(lines)-1]; exitCode(err) != 1 || !strings.HasPrefix(last, "dev: ") || !strings.Contains(last, want) {
		t.Errorf("it ends with %v and %q, want exit status 1 and %q", err, last, want)
	}
}

var address = regexp.MustCompile(`http://localhost:\d+`)

// page waits for the page's address.
func (d *dev) page(t *testing.T) string {
	t.Helper()
	var page string
	eventually(t, "the page's address is printed", func() bool {
		select {
		case err := <-d.done:
			d.done <- err
			t.Fatalf("it ended with %v:\n%s", err, d.out.String())
		default:
		}
		page = address.FindString(d.out.String())
		return page != "" && strings.Contains(d.out.String(), "Ctrl-C")
	})
	return page
}

// program is the address of a program, which the page's program knows.
func (d *dev) program(t *testing.T, name string) string {
	t.Helper()
	page := d.page(t)
	if name == "frontend" {
		return page
	}
	var env environment
	if err := json.Unmarshal([]byte(get(t, page+"/env")), &env); err != nil {
		t.Fatal(err)
	}
	return env.get(strings.ToUpper(name) + "_URL")
}

func (d *dev) env(t *testing.T, name string) environment {
	t.Helper()
	var env environment
	if err := json.Unmarshal([]byte(get(t, d.program(t, name)+"/env")), &env); err != nil {
		t.Fatal(err)
	}
	return env
}

// processes are all that dev has started, by name.
func (d *dev) processes(t *testing.T) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, name := range programs {
		all[name], _ = strconv.Atoi(get(t, d.program(t, name)+"/pid"))
	}
	content, err := os.ReadFile(filepath.Join(d.data, "postgres", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	all["postgres"], _ = strconv.Atoi(line)
	for name, pid := range all {
		if !alive(pid) {
			t.Fatalf("%s is no process: %d", name, pid)
		}
	}
	return all
}

func gone(t *testing.T, processes map[string]int) {
	t.Helper()
	for name, pid := range processes {
		eventually(t, name+" is gone", func() bool { return !alive(pid) })
	}
}

// alive reports whether pid runs; a zombie does not.
func alive(pid int) bool {
	if pid <= 0 || syscall.Kill(pid, 0) != nil {
		return false
	}
	out, _ := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	return len(out) > 0 && !bytes.HasPrefix(out, []byte("Z"))
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, response.Status, err)
	}
	return string(body)
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// scratch is a place for data that PostgreSQL's user can reach.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "dev-data-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still not so after a minute: %s", what)
		}
	}
}

// output collects what several writers print.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
