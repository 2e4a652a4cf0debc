//go:build unix && !linux

package child

import (
	"os/exec"
	"syscall"
)

func start(cmd *exec.Cmd, death syscall.Signal) (release func(), err error) {
	return startWatched(cmd, death)
}
