package main

import (
	"bufio"
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestMain lets the test binary be withpostgres itself.
func TestMain(m *testing.M) {
	if os.Getenv("WITHPOSTGRES_TEST") == "" {
		os.Exit(m.Run())
	}
	main()
}

func withpostgres(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "WITHPOSTGRES_TEST=1")
	cmd.Stderr = os.Stderr
	return cmd
}

func TestTheCommandFindsTheServerAndItsStatusIsOurs(t *testing.T) {
	t.Parallel()
	out, err := withpostgres("sh", "-c", `echo "$TEST_DATABASE_URL"; exit 7`).Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("got %v, want exit status 7", err)
	}
	dir := socketDir(t, strings.TrimSpace(string(out)))
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

func TestACommandThatCannotRunIsReported(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"/no/such/command"}} {
		status, err := run(args, make(chan os.Signal))
		if status != 125 || err == nil {
			t.Errorf("%q: got %d, %v, want 125 and an error", args, status, err)
		}
	}
}

func TestSignalsReachTheCommand(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			cmd := withpostgres("sh", "-c", `trap "exit 9" INT TERM; echo "$TEST_DATABASE_URL"; while :; do sleep 0.05; done`)
			dir, _ := startAndConnect(t, cmd)
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 9 {
				t.Errorf("got %v, want the command's own status 9", err)
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("%s is still there: %v", dir, err)
			}
		})
	}
}

func TestKilledItLeavesNothing(t *testing.T) {
	t.Parallel()
	cmd := withpostgres("sh", "-c", `echo "$TEST_DATABASE_URL"; sleep 600 & echo $!; wait`)
	dir, lines := startAndConnect(t, cmd)
	grandchild := 0
	if lines.Scan() {
		grandchild, _ = strconv.Atoi(lines.Text())
	}
	if grandchild == 0 {
		t.Fatal("the command does not say what it started")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	eventually(t, "the server's directory is gone", func() bool { _, err := os.Stat(dir); return os.IsNotExist(err) })
	eventually(t, "the command's child is gone", func() bool {
		out, _ := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(grandchild)).Output()
		return len(out) == 0 || out[0] == 'Z'
	})
}

func TestASignalDuringTheStartEndsIt(t *testing.T) {
	t.Parallel()
	signals := make(chan os.Signal, 1)
	signals <- os.Interrupt
	status, err := run([]string{"true"}, signals)
	if status != 125 || !errors.Is(err, context.Canceled) {
		t.Errorf("got %d, %v, want 125 and a cancelled start", status, err)
	}
}

// startAndConnect returns the directory of the server's socket, once the
// command has printed its address and the server has answered there.
func startAndConnect(t *testing.T, cmd *exec.Cmd) (dir string, more *bufio.Scanner) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatalf("the command prints nothing: %v", lines.Err())
	}
	address := lines.Text()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
	return socketDir(t, address), lines
}

func socketDir(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Query().Get("host") == "" {
		t.Fatalf("%q is not the address of a socket (%v)", address, err)
	}
	return u.Query().Get("host")
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
