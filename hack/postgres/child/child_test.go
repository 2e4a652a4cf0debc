package child

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary play the parent that is killed: with
// CHILD_TEST_ROLE set it starts a child, prints its process id, and waits.
func TestMain(m *testing.M) {
	role := os.Getenv("CHILD_TEST_ROLE")
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func play(role string) error {
	sleep := exec.Command("sleep", "600")
	switch role {
	case "start":
		p, err := Start(sleep, syscall.SIGKILL)
		if err != nil {
			return err
		}
		fmt.Println(p.PID())
		return p.Err()
	case "watched":
		if _, err := startWatched(sleep, syscall.SIGTERM); err != nil {
			return err
		}
		fmt.Println(sleep.Process.Pid)
		return sleep.Wait()
	}
	return errors.New("no such role")
}

func TestAChildDiesWithAParentThatIsKilled(t *testing.T) {
	for _, role := range []string{"start", "watched"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			parent := exec.Command(os.Args[0])
			parent.Env = append(os.Environ(), "CHILD_TEST_ROLE="+role)
			out, err := parent.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatalf("read the child's process id: %v", err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			if !alive(pid) {
				t.Fatalf("the child %d is gone before its parent", pid)
			}
			_ = parent.Process.Kill()
			_ = parent.Wait()
			eventually(t, "the child ends", func() bool { return !alive(pid) })
		})
	}
}

func TestAWatchRunsItsScriptOnlyWhenNotDismissed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ran")
	dismissed, err := AtDeath(`touch "$1"`, file)
	if err != nil {
		t.Fatal(err)
	}
	dismissed.Dismiss()
	dismissed.Dismiss()
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dismissed watch ran its script: %v", err)
	}

	kept, err := AtDeath(`touch "$1"`, file)
	if err != nil {
		t.Fatal(err)
	}
	_ = kept.in.Close() // what the end of this process does
	if err := kept.cmd.Wait(); err != nil {
		t.Errorf("the script ended with %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the watch did not run its script: %v", err)
	}
}

func TestAWatchThatNobodyRefersToStaysOn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ran")
	pid := func() int {
		w, err := AtDeath(`touch "$1"`, file)
		if err != nil {
			t.Fatal(err)
		}
		return w.cmd.Process.Pid
	}()
	for range 3 { // one collection finds the file, a later one closes it
		collected := make(chan struct{})
		runtime.AddCleanup(new([16]byte), func(done chan struct{}) { close(done) }, collected)
		runtime.GC()
		<-collected
	}
	if !alive(pid) {
		t.Error("the watch is gone")
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the script ran while we live: %v", err)
	}
}

func TestStopKillsAChildThatDoesNotListen(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, script string
		patience     time.Duration
		killed       bool
	}{
		{"willing", `echo up; while :; do sleep 0.01; done`, time.Minute, false},
		{"deaf", `trap "" TERM; echo up; while :; do sleep 0.01; done`, 50 * time.Millisecond, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("/bin/sh", "-c", test.script)
			up := make(signalWriter, 1)
			cmd.Stdout = up
			p, err := Start(cmd, syscall.SIGKILL)
			if err != nil {
				t.Fatal(err)
			}
			<-up
			if killed := p.Stop(syscall.SIGTERM, test.patience); killed != test.killed {
				t.Errorf("killed = %v, want %v", killed, test.killed)
			}
			if p.Err() == nil {
				t.Error("a child that was stopped by a signal reports success")
			}
		})
	}
}

func TestStartSaysWhatItCouldNotStart(t *testing.T) {
	t.Parallel()
	_, err := Start(exec.Command("/no/such/program"), syscall.SIGKILL)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("got %v, want a missing /no/such/program", err)
	}
}

// signalWriter passes on that something was written.
type signalWriter chan struct{}

func (w signalWriter) Write(p []byte) (int, error) {
	select {
	case w <- struct{}{}:
	default:
	}
	return len(p), nil
}

// alive reports whether pid runs; a zombie does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	out, _ := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	return len(out) > 0 && !bytes.HasPrefix(out, []byte("Z"))
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still not so after 20 s: %s", what)
		}
	}
}
