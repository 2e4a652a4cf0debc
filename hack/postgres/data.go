package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// dirPrefix names the directories of our sockets.
const dirPrefix = "todochat-pg-"

// makeDir makes the directory of a server's socket, which only the server's
// user (and root) can enter.
func makeDir(who account) (string, error) {
	// The path of a Unix socket is limited to 103 bytes on some systems, and a
	// comma or a quote in it means something to PostgreSQL and to its clients.
	const room = 100 - len("/"+dirPrefix+"0123456789/.s.PGSQL.5432")
	base := os.TempDir()
	if _, open := who.reaches(base); !open || len(base) > room || !filepath.IsAbs(base) || strings.ContainsAny(base, `,"'\`) {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, dirPrefix)
	if err != nil {
		return "", fmt.Errorf("make a directory for PostgreSQL's socket: %w", err)
	}
	if err := who.give(dir); err != nil {
		_ = os.Remove(dir)
		return "", fmt.Errorf("give %s to %s: %w", dir, who.name, err)
	}
	return dir, nil
}

// claim locks the data directory, for as long as the file is open, against
// other servers started by this package.
func claim(data string, who account) (_ *os.File, err error) {
	parent := filepath.Dir(data)
	if err := os.MkdirAll(parent, 0o711); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	if closed, open := who.reaches(parent); !open {
		return nil, fmt.Errorf("PostgreSQL runs as %s here, who cannot enter %s: choose another place for the data", who.name, closed)
	}
	lock, err := os.OpenFile(data+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("the data in %s is in use by another PostgreSQL of ours", data), lock.Close())
	}
	return lock, nil
}

// madeBy is the major version of PostgreSQL that made the data; zero when there
// is none yet.
func madeBy(data string) (int, error) {
	content, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if data == "" || errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at the data of PostgreSQL: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("%s is damaged, or made by a PostgreSQL before version 10: choose another data directory", data)
	}
	return major, nil
}

// cluster is a data directory, and what it is to be served with.
type cluster struct {
	data      string
	made      int // the major version that made it; zero when it is to be made
	bin       binaries
	who       account
	temporary bool
	progress  func(string)
}

// prepare makes the data ready: new when there is none, free of a server that a
// killed run has left, and refused when another version made it.
func (c cluster) prepare(ctx context.Context) error {
	switch c.made {
	case 0:
		c.progress("preparing the database")
		return c.create(ctx)
	case c.bin.major:
		return stopLeftover(ctx, c.data, c.progress)
	default:
		return fmt.Errorf("the data in %s was made by PostgreSQL %d and cannot be read by PostgreSQL %d of %s: install version %[2]d, or choose another data directory",
			c.data, c.made, c.bin.major, c.bin.dir)
	}
}

// create runs initdb beside the final place and moves the result there, so that
// a directory by that name is always whole.
func (c cluster) create(ctx context.Context) error {
	if entries, err := os.ReadDir(c.data); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty, and no data of PostgreSQL: choose another data directory", c.data)
	}
	fresh := c.data + ".new"
	var err error
	for _, locale := range c.bin.locales() {
		if err := os.RemoveAll(fresh); err != nil {
			return fmt.Errorf("remove an unfinished database: %w", err)
		}
		if err := os.Mkdir(fresh, 0o700); err != nil {
			return fmt.Errorf("make the data directory: %w", err)
		}
		if err := c.who.give(fresh); err != nil {
			return fmt.Errorf("give %s to %s: %w", fresh, c.who.name, err)
		}
		args := append([]string{"-D", fresh, "-U", Superuser, "--encoding=UTF8", "--auth-local=trust", "--auth-host=reject"}, locale...)
		if c.temporary {
			args = append(args, "--no-sync")
		}
		if _, err = output(ctx, c.who.command(filepath.Join(c.bin.dir, "initdb"), args...)); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	if err := os.Rename(fresh, c.data); err != nil {
		return fmt.Errorf("move the new database to its place: %w", err)
	}
	return nil
}

// locales are the arguments of initdb to try, best first. All of them sort by
// code point; the last one knows upper and lower case of ASCII only.
func (b binaries) locales() [][]string {
	if b.major >= 17 {
		// Part of PostgreSQL, so the same on every system.
		return [][]string{{"--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"}}
	}
	return [][]string{{"--locale=C.UTF-8"}, {"--locale=C"}}
}

// stopLeftover stops the server that still runs on data, which we have claimed,
// after the run that had started it was killed.
func stopLeftover(ctx context.Context, data string, progress func(string)) error {
	pid := readPIDFile(data)
	if pid.process == 0 {
		return nil
	}
	if serves(pid.process, data) {
		progress("stopping the PostgreSQL of a run that was killed")
	}
	// First as Ctrl-C does, then without waiting for a checkpoint.
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		// Asked again before each signal: the number may be another process by now.
		for deadline := time.Now().Add(15 * time.Second); serves(pid.process, data) && time.Now().Before(deadline); {
			if err := syscall.Kill(pid.process, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("stop the PostgreSQL (process %d) that still uses %s: %w", pid.process, data, err)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	// Whoever has that number now is not a server of this data, yet PostgreSQL
	// would take it for one and refuse to start.
	if err := os.Remove(filepath.Join(data, "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove what a killed PostgreSQL left: %w", err)
	}
	if strings.HasPrefix(filepath.Base(pid.socket), dirPrefix) {
		return os.RemoveAll(pid.socket)
	}
	return nil
}

// pidFile is what we read of a server's postmaster.pid.
type pidFile struct {
	process int
	socket  string // the directory of its socket
	ready   bool
}

// readPIDFile is zero when there is no server, or none that has got that far.
func readPIDFile(data string) pidFile {
	content, _ := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	lines := strings.Split(string(content), "\n")
	var f pidFile
	f.process, _ = strconv.Atoi(lines[0])
	f.process = max(f.process, 0) // a server in single-user mode writes -pid
	if len(lines) > 4 {
		f.socket = lines[4]
	}
	if len(lines) > 7 {
		f.ready = strings.TrimSpace(lines[7]) == "ready"
	}
	return f
}

// serves reports whether a process is a PostgreSQL server of this data. Where
// there is /proc, it is one when it runs a program called postgres in that
// directory; elsewhere when its command line says so.
func serves(process int, data string) bool {
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", process)); err == nil {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", process))
		exe = strings.TrimSuffix(exe, " (deleted)")
		real, err2 := filepath.EvalSymlinks(data)
		return err == nil && err2 == nil && cwd == real && filepath.Base(exe) == "postgres"
	}
	if _, err := os.Stat("/proc/self"); err == nil {
		return false
	}
	line, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(process)).Output()
	return err == nil && strings.Contains(string(line), "postgres -D "+data+" ")
}
