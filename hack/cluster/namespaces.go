package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// insideNode is the command that runs as the node's first process.
const insideNode = "node"

// namespaces are what the node has of its own; it makes its cgroup namespace
// itself, since that one begins at the cgroup where it is made.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// enter takes this process, the first of the node, into cgroups of its own and
// starts it anew in a cgroup namespace that begins there.
func (c cluster) enter() error {
	if os.Getpid() != 1 {
		return errors.New("this command is for the node itself")
	}
	// Nothing that is mounted from here on is seen outside.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("leave the machine's mounts: %w", err)
	}
	hierarchies, err := cgroups()
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		dir := c.cgroup(h.mount)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make a cgroup: %w", err)
		}
		if h.options == "cpuset" { // which begins with no processors at all
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				content, err := os.ReadFile(filepath.Join(h.mount, file))
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, file), content, 0)
				}
				if err != nil {
					return fmt.Errorf("make a cgroup: %w", err)
				}
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil {
			return fmt.Errorf("enter a cgroup: %w", err)
		}
	}

	// A thread has its own cgroup namespace. The one that executes the program
	// anew is the only one that is left.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("leave the machine's cgroups: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(self, []string{self, insideNode, "furnish"}, os.Environ())
}

// furnish makes the node's view of the machine: the same programs, with /run,
// /var/lib and /var/log of its own.
func (c cluster) furnish() error {
	if err := mountCgroups(); err != nil {
		return fmt.Errorf("mount cgroups: %w", err)
	}
	for _, m := range []struct{ source, target, kind string }{
		{"proc", "/proc", "proc"},
		{"run", "/run", "tmpfs"},
		{c.etc(""), "/run/node", ""},
		{c.log(""), "/var/log", ""},
		{c.varLib(), "/var/lib", ""},
	} {
		flags := uintptr(0)
		if m.kind == "" {
			flags = unix.MS_BIND
		}
		err := os.MkdirAll(m.target, 0o755)
		if err == nil {
			err = unix.Mount(m.source, m.target, m.kind, flags, "")
		}
		if err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := shadowSettings(); err != nil {
		return err
	}
	// The kubelet mounts volumes that containers have to see.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share mounts with containers: %w", err)
	}
	if err := unix.Sethostname([]byte(c.name)); err != nil {
		return fmt.Errorf("name the node: %w", err)
	}
	return network()
}

// shadowSettings covers the kernel settings that a kubelet changes with files
// that hold the present values: they are the whole machine's.
func shadowSettings() error {
	for _, name := range []string{
		"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
		"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
	} {
		setting := filepath.Join("/proc/sys", name)
		value, err := os.ReadFile(setting)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		cover := filepath.Join("/run/settings", name)
		err = errors.Join(err, os.MkdirAll(filepath.Dir(cover), 0o755), os.WriteFile(cover, value, 0o644),
			unix.Mount(cover, setting, "", unix.MS_BIND, ""))
		if err != nil {
			return fmt.Errorf("cover %s: %w", setting, err)
		}
	}
	return nil
}

// network gives the node an address and no way out: neither it nor its pods
// reach anything but one another.
func network() error {
	for _, args := range []string{
		"link set lo up",
		"link add eth0 type veth peer name eth0-end",
		"addr add " + nodeAddress + "/24 dev eth0",
		"link set eth0-end up",
		"link set eth0 up",
		"route add " + services + " dev eth0", // before kube-proxy's rules see it, a packet needs a route
		"route add unreachable default",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", args, err, out)
		}
	}
	for _, setting := range []string{"ipv4/ip_forward", "bridge/bridge-nf-call-iptables"} {
		err := os.WriteFile(filepath.Join("/proc/sys/net", setting), []byte("1"), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set %s: %w", setting, err)
		}
	}
	return nil
}

// hierarchy is one tree of cgroups, and where it is mounted.
type hierarchy struct{ mount, kind, options string }

// cgroups lists the machine's hierarchies: one of version 2, or several of
// version 1 and perhaps one of version 2 without controllers.
func cgroups() ([]hierarchy, error) {
	if unified() {
		return []hierarchy{{"/sys/fs/cgroup", "cgroup2", ""}}, nil
	}
	content, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	var all []hierarchy
	for line := range strings.Lines(string(content)) {
		field := strings.SplitN(line, ":", 3) // number:controllers:path
		if len(field) < 3 {
			continue
		}
		h := hierarchy{filepath.Join("/sys/fs/cgroup", strings.TrimPrefix(field[1], "name=")), "cgroup", field[1]}
		if strings.HasPrefix(field[1], "name=") {
			h.options = "none," + field[1]
		}
		if field[1] == "" {
			h = hierarchy{"/sys/fs/cgroup/unified", "cgroup2", ""}
		}
		if _, err := os.Stat(h.mount); err == nil {
			all = append(all, h)
		}
	}
	return all, nil
}

func unified() bool {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	return err == nil
}

// mountCgroups mounts the hierarchies anew, so that each begins at the node's.
func mountCgroups() error {
	hierarchies, err := cgroups()
	if err != nil {
		return err
	}
	if err := unix.Unmount("/sys/fs/cgroup", unix.MNT_DETACH); err != nil {
		return err
	}
	if hierarchies[0].mount != "/sys/fs/cgroup" {
		if err := unix.Mount("cgroup", "/sys/fs/cgroup", "tmpfs", 0, "mode=755"); err != nil {
			return err
		}
	}
	for _, h := range hierarchies {
		if err := os.MkdirAll(h.mount, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("cgroup", h.mount, h.kind, 0, h.options); err != nil {
			return fmt.Errorf("%s: %w", h.mount, err)
		}
	}
	if !unified() {
		return nil
	}
	// In version 2 a cgroup has processes or children with controllers.
	if err := os.Mkdir("/sys/fs/cgroup/node", 0o755); err != nil {
		return err
	}
	if err := os.WriteFile("/sys/fs/cgroup/node/cgroup.procs", []byte("0"), 0); err != nil {
		return err
	}
	controllers, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(controllers)) {
		if err := os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+"+name), 0); err != nil {
			log.Printf("controller %s: %v", name, err)
		}
	}
	return nil
}

// removeCgroups removes what enter has made, and all below it, from outside.
func (c cluster) removeCgroups() error {
	var dirs []string
	for _, at := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		found, _ := filepath.Glob(c.cgroup(at))
		dirs = append(dirs, found...)
	}
	var errs []error
	for _, root := range dirs {
		var below []string
		_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				below = append(below, path)
			}
			return nil
		})
		for _, dir := range slices.Backward(below) {
			// A cgroup is busy for a moment after its last process.
			err := syscall.Rmdir(dir)
			for deadline := time.Now().Add(5 * time.Second); errors.Is(err, syscall.EBUSY) && time.Now().Before(deadline); {
				time.Sleep(20 * time.Millisecond)
				err = syscall.Rmdir(dir)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("remove the cgroup %s: %w", dir, err))
			}
		}
	}
	return errors.Join(errs...)
}
