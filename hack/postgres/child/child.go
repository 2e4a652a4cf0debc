// Package child starts processes that do not outlive the process that started
// them, however that one ends: SIGKILL runs no deferred function.
//
// Linux has a promise of the kernel for it, the parent-death signal. Other
// systems have none, so there a shell waits for the end of a pipe whose other
// end only the parent holds (see Watch).
//
// Each child leads a process group of its own, so that Ctrl-C in a terminal
// reaches the parent alone and it decides who is asked to stop, and when.
package child

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Process is a started child.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // what Wait returned; read it only after done
}

// Start starts cmd. When this process ends before it, the child gets the
// signal death.
func Start(cmd *exec.Cmd, death syscall.Signal) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	// A grandchild that keeps the output open must not keep Wait waiting.
	cmd.WaitDelay = 5 * time.Second

	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.done)
		// The parent-death signal is sent when the thread that started the child
		// ends. This goroutine keeps its thread for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		release, err := start(cmd, death)
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		release()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// PID is the child's process id, and the id of its process group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended and was waited for.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err waits for the child to end and says how: nil for exit status 0.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Signal sends sig to the child; one that has ended is no error.
func (p *Process) Signal(sig os.Signal) {
	// The only failure is that there is nobody left to hear it.
	_ = p.cmd.Process.Signal(sig)
}

// SignalGroup sends sig to the child and to all of its process group.
func (p *Process) SignalGroup(sig syscall.Signal) {
	select {
	case <-p.done: // the number may be somebody else's by now
	default:
		_ = syscall.Kill(-p.PID(), sig)
	}
}

// Stop asks the child to end with sig, and kills it when it has not done so
// within patience. It returns once the child is gone, and reports whether it
// had to be killed.
func (p *Process) Stop(sig os.Signal, patience time.Duration) (killed bool) {
	p.Signal(sig)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
		return false
	case <-timer.C:
	}
	p.Signal(os.Kill)
	<-p.done
	return true
}
