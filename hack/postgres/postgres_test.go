package postgres

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/hack/postgres/child"
)

// TestMain lets the test binary play a run that is killed: with
// POSTGRES_TEST_DATA set it starts a server ("-" for a temporary one), prints
// its directories, and waits.
func TestMain(m *testing.M) {
	data := os.Getenv("POSTGRES_TEST_DATA")
	if data == "" {
		os.Exit(m.Run())
	}
	s, err := Start(context.Background(), Options{Data: strings.TrimPrefix(data, "-")})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(s.dir, s.data)
	<-s.Done()
}

func TestATemporaryServerServesAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Settings: map[string]string{"fsync": "off"}})
	for query, want := range map[string]string{
		"select upper('é')":                                                     "É",
		"select current_setting('fsync')":                                       "off",
		"select current_setting('max_connections')":                             "200",
		"select current_setting('listen_addresses')":                            "",
		"select current_setting('server_encoding')":                             "UTF8",
		"select string_agg(x, '' order by x) from unnest(array['b','B','a']) x": "Bab",
	} {
		if got := ask(t, s.URL(Superuser, "postgres"), query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	if len(s.dir) > 75 {
		t.Errorf("the path of the socket's directory has %d bytes: %s", len(s.dir), s.dir)
	}
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	select {
	case <-s.Done():
	default:
		t.Error("the server runs after Stop")
	}
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", s.dir, err)
	}
}

// The machine's own PostgreSQL stands in where npm does not; it is older, and
// takes other arguments to be set up.
func TestAnInstalledServerServesToo(t *testing.T) {
	who, err := serverUser("")
	if err != nil {
		t.Fatal(err)
	}
	bin, ok := newFinder(who, 0, func(string) {}).installed(t.Context())
	if !ok {
		t.Fatal("no PostgreSQL is installed on this machine: make test installs or names it")
	}
	t.Setenv("POSTGRES_BIN", bin.dir)
	s := start(t, Options{})
	if got := ask(t, s.URL(Superuser, "postgres"), "select upper('é')"); got != "É" {
		t.Errorf("upper('é') is %q", got)
	}
}

func TestDataOutlivesTheServer(t *testing.T) {
	t.Parallel()
	data := dataDir(t)
	s := start(t, Options{Data: data})
	ask(t, s.URL(Superuser, "postgres"), "create table kept as select 'yes' as x; select ''")

	if other, err := Start(t.Context(), Options{Data: data}); err == nil {
		t.Error("a second server starts on the same data", other.Stop())
	} else if !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second server on the same data: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, Options{Data: data})
	if got := ask(t, s.URL(Superuser, "postgres"), "select x from kept"); got != "yes" {
		t.Errorf("got %q, want yes", got)
	}
}

func TestDataOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	data := dataDir(t)
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Data: data})
	if err == nil || !strings.Contains(err.Error(), "was made by PostgreSQL 9") {
		t.Errorf("got %v, want a refusal that names the version", err)
	}
}

func TestAForeignDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	data := dataDir(t)
	if err := os.MkdirAll(filepath.Join(data, "photos"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Data: data})
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestAnEndOfTheServerIsNoticed(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	s.process.Signal(syscall.SIGQUIT)
	select {
	case <-s.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("Done is not closed")
	}
}

func TestAWrongSettingIsReported(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Options{Settings: map[string]string{"no_such_setting": "1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got %v, want what the server wrote", err)
	}
}

func TestACancelledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	data := dataDir(t)
	_, err := Start(ctx, Options{Data: data, Progress: func(what string) {
		if strings.HasPrefix(what, "preparing") {
			cancel()
		}
	}})
	if err == nil {
		t.Fatal("the start went on")
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("half a database is at its final place: %v", err)
	}
	// And the next one is not troubled by it.
	start(t, Options{Data: data})
}

func TestAKilledRunLeavesNoServer(t *testing.T) {
	t.Parallel()
	dir, data, parent := playRun(t, "-")
	server := readPIDFile(data).process
	if !serves(server, data) {
		t.Fatalf("process %d does not serve %s", server, data)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	eventually(t, "the server is gone", func() bool { return syscall.Kill(server, 0) != nil || !serves(server, data) })
	eventually(t, "its directory is gone", func() bool {
		_, err := os.Stat(dir)
		return os.IsNotExist(err)
	})
}

func TestDataOfAKilledRunServesAtOnce(t *testing.T) {
	t.Parallel()
	data := dataDir(t)
	_, _, parent := playRun(t, data)
	_ = parent.Process.Kill()
	_ = parent.Wait()
	s := start(t, Options{Data: data})
	ask(t, s.URL(Superuser, "postgres"), "select ''")
}

func TestALeftoverServerIsStoppedFirst(t *testing.T) {
	t.Parallel()
	data := dataDir(t)
	if err := start(t, Options{Data: data}).Stop(); err != nil {
		t.Fatal(err)
	}
	// A server that nothing stops when its starter goes.
	who, err := serverUser(data)
	if err != nil {
		t.Fatal(err)
	}
	bin, err := newFinder(who, 0, func(string) {}).find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	socket, err := makeDir(who)
	if err != nil {
		t.Fatal(err)
	}
	cmd := who.command(filepath.Join(bin.dir, "postgres"), "-D", data, "-k", socket, "-c", "listen_addresses=")
	leftover, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	defer leftover.Stop(syscall.SIGKILL, time.Minute)
	eventually(t, "the leftover server is up", func() bool { return readPIDFile(data).ready })

	var told []string
	s := start(t, Options{Data: data, Progress: func(what string) { told = append(told, what) }})
	select {
	case <-leftover.Done():
	default:
		t.Error("the leftover server still runs")
	}
	if !strings.Contains(strings.Join(told, "; "), "killed") {
		t.Errorf("told %q, want a word of it", told)
	}
	ask(t, s.URL(Superuser, "postgres"), "select ''")
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the leftover's socket is still there: %v", err)
	}
}

func TestANumberThatIsAnotherProcessNowIsLeftAlone(t *testing.T) {
	t.Parallel()
	data := dataDir(t)
	if err := start(t, Options{Data: data}).Stop(); err != nil {
		t.Fatal(err)
	}
	who, err := serverUser(data)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := child.Start(who.command("sleep", "600"), syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Stop(syscall.SIGKILL, time.Minute)
	content := fmt.Sprintf("%d\n%s\n1\n5432\n/tmp\n\n1 1\nready   \n", stranger.PID(), data)
	if err := os.WriteFile(filepath.Join(data, "postmaster.pid"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := who.give(filepath.Join(data, "postmaster.pid")); err != nil {
		t.Fatal(err)
	}
	start(t, Options{Data: data})
	select {
	case <-stranger.Done():
		t.Error("a process that is not ours was stopped")
	default:
	}
}

func TestASocketInAPathWithSpacesIsReached(t *testing.T) {
	dir := filepath.Join(dataDir(t), "a b+c%")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	s := start(t, Options{})
	if !strings.HasPrefix(s.dir, dir) {
		t.Fatalf("the socket is in %s, want it in %s", s.dir, dir)
	}
	if got := ask(t, s.URL(Superuser, "postgres"), "select current_user::text"); got != Superuser {
		t.Errorf("connected as %q", got)
	}
}

func TestAnAddressTakesAnotherRole(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ base, role, password, database, want string }{
		{"postgres://admin:secret@db.test:5433/app?sslmode=require", "todo", "p w/@", "", "postgres://todo:p%20w%2F%40@db.test:5433/app?sslmode=require"},
		{"postgres://db.test/app?user=admin&password=secret", "todo", "pw", "other", "postgres://todo:pw@db.test/other"},
		{"postgres:///app?host=%2Ftmp%2Fa%20b&user=postgres", "chat", "", "x y", "postgres:///x%20y?host=%2Ftmp%2Fa%20b&user=chat"},
		{"postgresql://admin@/app?host=/run", "chat", "pw", "", "postgresql:///app?host=%2Frun&password=pw&user=chat"},
	} {
		got, err := As(test.base, test.role, test.password, test.database)
		if err != nil || got != test.want {
			t.Errorf("%s\n got %s, %v\nwant %s", test.base, got, err, test.want)
			continue
		}
		config, err := pgx.ParseConfig(got)
		if err != nil || config.User != test.role || config.Password != test.password {
			t.Errorf("%s is read as %+v, %v", got, config, err)
		}
	}
	if _, err := As("host=db.test password=secret", "todo", "", ""); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("another form of address: %v, want a refusal that does not repeat it", err)
	}
}

func TestRootsDataMustBeWithinReach(t *testing.T) {
	t.Parallel()
	closed := t.TempDir() // below a directory that only its owner can enter
	if os.Getuid() != 0 { // the server runs as that owner
		start(t, Options{Data: filepath.Join(closed, "data")})
		return
	}
	_, err := Start(t.Context(), Options{Data: filepath.Join(closed, "data")})
	if err == nil || !strings.Contains(err.Error(), "cannot enter "+filepath.Dir(closed)) {
		t.Errorf("got %v, want a sentence about %s", err, filepath.Dir(closed))
	}
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

// playRun starts a server in another process, which the test may kill.
func playRun(t *testing.T, data string) (dir, serverData string, parent *exec.Cmd) {
	t.Helper()
	parent = exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "POSTGRES_TEST_DATA="+data)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parent.Process.Kill(); _ = parent.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(line, &dir, &serverData); err != nil || strings.HasPrefix(line, "error") {
		t.Fatalf("the run says %q (%v)", line, err)
	}
	return dir, serverData, parent
}

// dataDir is a place for data that the server's user can reach.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

func ask(t *testing.T, url, query string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	results, err := conn.PgConn().Exec(t.Context(), query).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return string(results[len(results)-1].Rows[0][0])
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still not so after 20 s: %s", what)
		}
	}
}
