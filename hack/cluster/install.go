package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// packages are Debian's, by the files that show that they are installed.
var packages = []struct{ name, file string }{
	{"containerd", "/usr/bin/containerd"},
	{"runc", "/usr/sbin/runc"},
	{"containernetworking-plugins", "/usr/lib/cni/bridge"},
	{"iptables", "/usr/sbin/iptables"},
	{"conntrack", "/usr/sbin/conntrack"},
	{"iproute2", "/usr/sbin/ip"},
	{"ca-certificates", "/etc/ssl/certs/ca-certificates.crt"},
	{"tzdata", "/usr/share/zoneinfo/Europe/Berlin"},
	{"busybox-static", "/usr/bin/busybox"},
}

// install installs the packages that are missing, without starting a service.
func (c cluster) install(ctx context.Context) (err error) {
	var missing []string
	for _, p := range packages {
		if found, _ := filepath.Glob(p.file); len(found) == 0 {
			missing = append(missing, p.name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("this machine lacks %s, and only Debian's are installed by this command", strings.Join(missing, ", "))
	}
	say("installing %s", strings.Join(missing, ", "))

	// Debian starts what it installs, unless this says no.
	const policy = "/usr/sbin/policy-rc.d"
	if _, err := os.Lstat(policy); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.Remove(policy)) }()
	}
	apt := func(args ...string) error {
		// Stopped halfway, it would leave the machine's packages half configured.
		cmd := exec.CommandContext(context.WithoutCancel(ctx), "apt-get", append([]string{"--quiet", "--quiet"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
		return nil
	}
	install := slices.Concat([]string{"install", "--yes", "--no-install-recommends"}, missing)
	if apt(install...) == nil {
		return nil
	}
	// A fresh machine has no lists of packages, or old ones.
	if err := apt("update"); err != nil {
		return err
	}
	return apt(install...)
}
