package postgres

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// account is who the server runs as. PostgreSQL refuses to run as root, so root
// runs it as somebody else, who must be able to reach the binaries and the data.
type account struct {
	uid, gid int
	name     string
	other    bool // not who we are
}

// serverUser is ourselves, or for root the owner of the data, or else the user
// postgres or nobody.
func serverUser(data string) (account, error) {
	if uid := os.Getuid(); uid != 0 {
		return account{uid: uid, gid: os.Getgid(), name: "uid " + strconv.Itoa(uid)}, nil
	}
	if data != "" {
		if uid, gid, err := owner(data); err == nil && uid != 0 {
			return account{uid: uid, gid: gid, name: "uid " + strconv.Itoa(uid), other: true}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid != 0 {
			return account{uid: uid, gid: gid, name: "user " + name, other: true}, nil
		}
	}
	return account{}, fmt.Errorf("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as: start this as another user")
}

// command is one that runs as the account, in a plain environment: variables
// such as PGDATA or LC_MESSAGES must not change what the server does.
func (a account) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	if a.other {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}}
	}
	return cmd
}

// give makes the account the owner of path.
func (a account) give(path string) error {
	if !a.other {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// reaches reports whether the account can enter dir and all above it, as far
// as the plain permissions say, and otherwise which directory is closed to it.
func (a account) reaches(dir string) (closed string, ok bool) {
	if !a.other {
		return "", true
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return dir, false
	}
	path := "/"
	for _, name := range append([]string{""}, strings.Split(strings.Trim(dir, "/"), "/")...) {
		path = filepath.Join(path, name)
		info, err := os.Stat(path)
		if err != nil || !a.enters(info) {
			return path, false
		}
	}
	return "", true
}

func (a account) enters(info fs.FileInfo) bool {
	mode := info.Mode().Perm()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		switch {
		case int(stat.Uid) == a.uid:
			return mode&0o100 != 0
		case int(stat.Gid) == a.gid:
			return mode&0o010 != 0
		}
	}
	return mode&0o001 != 0
}

func owner(path string) (uid, gid int, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, fmt.Errorf("owner of %s: unknown", path)
	}
	return int(stat.Uid), int(stat.Gid), nil
}
