package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first major version that the schema and its tests work with.
const oldest = 15

// binaries are the programs of one PostgreSQL.
type binaries struct {
	dir   string
	major int
}

// finder looks for a PostgreSQL to run. In this order: the one that POSTGRES_BIN
// names; the one of the npm package, which is the same for everybody; an
// installed one; and for root on Debian, one that it installs. Where there is
// data already, one of the version that made it comes before the others.
type finder struct {
	getenv   func(string) string
	lookPath func(string) (string, error)
	run      func(ctx context.Context, cmd *exec.Cmd) ([]byte, error)
	// probe says which version the programs in a directory are, as the user that
	// will run them.
	probe    func(ctx context.Context, dir string) (major int, err error)
	progress func(string)

	root     string // of the file system
	os, arch string
	super    bool // we are root
	cache    string
	made     int // the major version that made the data; zero for new data
}

func newFinder(who account, made int, progress func(string)) finder {
	return finder{
		getenv:   os.Getenv,
		lookPath: exec.LookPath,
		run:      output,
		probe:    func(ctx context.Context, dir string) (int, error) { return probe(ctx, who, dir) },
		progress: progress,
		root:     "/",
		os:       runtime.GOOS,
		arch:     runtime.GOARCH,
		super:    os.Getuid() == 0,
		cache:    cacheDir(),
		made:     made,
	}
}

func (f finder) find(ctx context.Context) (binaries, error) {
	if dir := f.getenv("POSTGRES_BIN"); dir != "" {
		major, err := f.probe(ctx, dir)
		if err != nil {
			return binaries{}, fmt.Errorf("POSTGRES_BIN: %w", err)
		}
		return binaries{dir, major}, nil
	}
	bin, npmErr := f.fromNPM(ctx)
	if npmErr == nil {
		if f.made == 0 || f.made == bin.major {
			return bin, nil
		}
		if other, ok := f.installed(ctx); ok && other.major == f.made {
			return other, nil
		}
		return bin, nil
	}
	if bin, ok := f.installed(ctx); ok {
		return bin, nil
	}
	if err := ctx.Err(); err != nil {
		return binaries{}, fmt.Errorf("look for PostgreSQL: %w", err)
	}
	advice := "install npm, which fetches PostgreSQL by itself, or PostgreSQL 15 or newer"
	switch {
	case f.os == "darwin":
		advice += " (brew install node, or brew install postgresql@18)"
	case f.debian():
		if !f.super {
			advice += " (sudo apt-get install npm, or sudo apt-get install postgresql)"
			break
		}
		err := f.installOnDebian(ctx)
		if err != nil {
			return binaries{}, fmt.Errorf("there is no PostgreSQL: %s (%w; %w)", advice, npmErr, err)
		}
		if bin, ok := f.installed(ctx); ok {
			return bin, nil
		}
	}
	return binaries{}, fmt.Errorf("there is no PostgreSQL: %s (%w)", advice, npmErr)
}

// installed returns the first of the version that made the data, or else the
// first good one, of the directories where PostgreSQL's programs may be.
func (f finder) installed(ctx context.Context) (binaries, bool) {
	var dirs []string
	if path, err := f.lookPath("postgres"); err == nil {
		// A link may stand alone, so its target's neighbours count too.
		dirs = append(dirs, filepath.Dir(path))
		if target, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(target))
		}
	}
	if path, err := f.lookPath("pg_config"); err == nil {
		if out, err := f.run(ctx, exec.Command(path, "--bindir")); err == nil {
			dirs = append(dirs, string(bytes.TrimSpace(out)))
		}
	}
	for _, pattern := range []string{
		"usr/lib/postgresql/*/bin",                // Debian
		"usr/pgsql-*/bin",                         // Red Hat, of postgresql.org
		"opt/homebrew/opt/postgresql*/bin",        // Homebrew on Apple's processors
		"usr/local/opt/postgresql*/bin",           // Homebrew on Intel's
		"home/linuxbrew/.linuxbrew/opt/post*/bin", // Homebrew on Linux
		"Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		found, _ := filepath.Glob(filepath.Join(f.root, pattern))
		slices.Reverse(found) // the newest first, as far as names sort so
		dirs = append(dirs, found...)
	}
	var first binaries
	for _, dir := range dirs {
		major, err := f.probe(ctx, dir)
		switch {
		case err != nil || major < oldest:
		case f.made == 0 || major == f.made:
			return binaries{dir, major}, true
		case first.dir == "":
			first = binaries{dir, major}
		}
	}
	return first, first.dir != ""
}

// probe runs the programs in dir that we need and returns their major version.
func probe(ctx context.Context, who account, dir string) (int, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return 0, fmt.Errorf("look for PostgreSQL's programs: %w", err)
	}
	out, err := output(ctx, who.command(filepath.Join(dir, "postgres"), "--version"))
	if errors.Is(err, fs.ErrPermission) {
		return 0, fmt.Errorf("%s may not run the programs in %s: %w", who.name, dir, err)
	}
	if err != nil {
		return 0, err
	}
	return majorVersion(string(out))
}

// majorVersion reads what postgres --version prints: "postgres (PostgreSQL) 18.4".
func majorVersion(line string) (int, error) {
	_, version, _ := strings.Cut(line, "(PostgreSQL) ")
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	major, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0, fmt.Errorf("%q names no version of PostgreSQL", strings.TrimSpace(line))
	}
	return major, nil
}

// cacheDir is where fetched programs are kept, for all checkouts of a user.
// Root's is one that the user who runs the server can enter. It is empty when
// there is none.
func cacheDir() string {
	if os.Getuid() == 0 {
		return "/var/cache/todochat"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "todochat")
}
