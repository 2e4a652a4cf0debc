package child

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
)

// kept holds the watches that are on. A pipe that nobody refers to is closed by
// the garbage collector, which the shell would take for our death.
var kept sync.Map

// Watch is a shell that waits for this process to end.
type Watch struct {
	cmd *exec.Cmd
	in  io.Closer
}

// AtDeath runs script in /bin/sh, with args as $1, $2 and so on, when this
// process ends, however it ends, unless the watch is dismissed before. The
// shell is in a session of its own and holds none of our files.
func AtDeath(script string, args ...string) (*Watch, error) {
	// read returns when the last writer of the pipe is gone: this process.
	cmd := exec.Command("/bin/sh", append([]string{"-c", "read -r _\n" + script, "todochat-watch"}, args...)...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("watch this process: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("watch this process: %w", err)
	}
	w := &Watch{cmd: cmd, in: in}
	kept.Store(w, nil)
	return w, nil
}

// Dismiss ends the watch without running its script. It may be called twice.
func (w *Watch) Dismiss() {
	// Killed before the pipe closes, it cannot mistake this for our death.
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait()
	_ = w.in.Close()
	kept.Delete(w)
}

// startWatched starts cmd and a watch that sends it the signal death.
func startWatched(cmd *exec.Cmd, death syscall.Signal) (release func(), err error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	watch, err := AtDeath(`kill -"$1" "$2"`, strconv.Itoa(int(death)), strconv.Itoa(cmd.Process.Pid))
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	return watch.Dismiss, nil
}
