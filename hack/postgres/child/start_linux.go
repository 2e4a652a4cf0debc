package child

import (
	"os/exec"
	"syscall"
)

func start(cmd *exec.Cmd, death syscall.Signal) (release func(), err error) {
	cmd.SysProcAttr.Pdeathsig = death
	return func() {}, cmd.Start()
}
