package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// debian reports whether this is Debian or made of it.
func (f finder) debian() bool {
	if _, err := os.Stat(filepath.Join(f.root, "etc/debian_version")); err != nil {
		return false
	}
	_, err := f.lookPath("apt-get")
	return err == nil
}

// installOnDebian installs the package postgresql without the server that it
// would start on port 5432 by itself.
func (f finder) installOnDebian(ctx context.Context) (err error) {
	f.progress("installing the package postgresql")
	restore, err := f.withoutCluster()
	if err != nil {
		return fmt.Errorf("configure postgresql-common: %w", err)
	}
	defer func() { err = errors.Join(err, restore()) }()

	apt, err := f.lookPath("apt-get")
	if err != nil {
		return err
	}
	install := func() error { return f.apt(ctx, apt, "install", "--yes", "--no-install-recommends", "postgresql") }
	if install() == nil {
		return nil
	}
	// A fresh machine has no lists of packages, or old ones.
	if err := f.apt(ctx, apt, "update"); err != nil {
		return err
	}
	return install()
}

func (f finder) apt(ctx context.Context, apt string, args ...string) error {
	cmd := exec.Command(apt, append([]string{"--quiet", "-o", "Dpkg::Options::=--force-confold"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "UCF_FORCE_CONFFOLD=1")
	// Stopped halfway, it would leave the machine's packages half configured.
	_, err := f.run(context.WithoutCancel(ctx), cmd)
	return err
}

// withoutCluster has postgresql-common make no cluster, until restore is called.
func (f finder) withoutCluster() (restore func() error, err error) {
	file := filepath.Join(f.root, "etc/postgresql-common/createcluster.conf")
	before, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	existed := err == nil
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, append(before[:len(before):len(before)], "\ncreate_main_cluster = false\n"...), 0o644); err != nil {
		return nil, err
	}
	return func() error {
		if existed {
			return os.WriteFile(file, before, 0o644)
		}
		// The package puts its own beside one that it finds.
		if err := os.Rename(file+".ucf-dist", file); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return os.Remove(file)
	}, nil
}
