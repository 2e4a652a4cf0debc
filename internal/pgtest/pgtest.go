// Package pgtest gives each test a real PostgreSQL database of its own.
//
// The server is the one at TEST_DATABASE_URL, the address of a superuser, or
// else a private one that the first test of a process starts and that ends with
// the process; packages need no TestMain for it. The schema is migrated once for
// each server, into a template, which every test clones.
//
// With TEST_PGBOUNCER set, a private PgBouncer in transaction mode stands
// between the functions' roles and the server, as it may in production.
//
// A test that cannot have its database fails. It is never skipped: what it
// would have shown is then not known.
package pgtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/hack/postgres"
	"github.com/todochat/todochat/internal/postgres/migrations"
)

// Database is a migrated database that belongs to one test.
type Database struct {
	Name string
	// The database's address for each role: the owner of everything, and those
	// of the functions.
	Owner, Todo, Chat string
}

// ExecModes are the values of DATABASE_EXEC_MODE that work at the addresses of
// the functions' roles; the first is the one to choose.
func ExecModes() []string {
	if pooled() {
		return []string{"cache_describe", "exec"} // what is prepared may be on another connection
	}
	return []string{"cache_statement", "cache_describe", "exec"}
}

func pooled() bool { return os.Getenv("TEST_PGBOUNCER") != "" }

// patience bounds each step, so that a test that cannot have its database says
// so instead of running into the limit of the whole run.
const patience = 2 * time.Minute

// New makes a database for t, which is dropped when t ends.
func New(t testing.TB) *Database {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := shared()
	if err != nil {
		t.Fatalf("a PostgreSQL for tests: %v", err)
	}
	d, err := s.clone(ctx)
	if err != nil {
		t.Fatalf("a database for this test: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.exec(ctx, "drop database if exists "+quote(d.Name)+" with (force)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return d
}

// Conn is a connection of the owner, for a test that has to look behind what
// it tests. It is closed when t ends.
func (d *Database) Conn(t testing.TB) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.Owner)
	if err != nil {
		t.Fatalf("look into the test's database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = conn.Close(ctx) // the test may have broken it on purpose
	})
	return conn
}

// server is a PostgreSQL with a migrated template.
type server struct {
	admin    string // the address of a superuser
	template string
	bouncer  *postgres.Bouncer // nil when nothing stands before it
}

// shared is the server of this process, made when the first test asks.
var shared = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	admin := os.Getenv("TEST_DATABASE_URL")
	if admin == "" {
		// Never stopped by us: a package's tests end without a last word, and the
		// server with its data goes when their process does.
		own, err := postgres.Start(ctx, postgres.Options{
			Settings: map[string]string{"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"},
		})
		if err != nil {
			return nil, err
		}
		admin = own.URL(postgres.Superuser, "postgres")
	}
	s := &server{admin: admin}
	var err error
	if s.template, err = templateName(); err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, err
	}
	if pooled() {
		s.bouncer, err = s.startBouncer(ctx)
	}
	return s, err
})

// startBouncer is never followed by a stop, as for the server itself.
func (s *server) startBouncer(ctx context.Context) (*postgres.Bouncer, error) {
	config, err := pgx.ParseConfig(s.admin)
	if err != nil {
		return nil, fmt.Errorf("TEST_DATABASE_URL: %w", err)
	}
	logins := map[string]string{}
	for _, role := range roles {
		logins[role] = config.Password
	}
	return postgres.StartBouncer(ctx, postgres.BouncerOptions{Server: s.admin, Logins: logins, Pool: 8})
}

// templateName changes with the migrations, so that a server that has seen
// others is of use as well.
func templateName() (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(migrations.Files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := migrations.Files.ReadFile(path)
		fmt.Fprintf(hash, "%s %d\n%s", path, len(content), content)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the migrations: %w", err)
	}
	return "todochat_template_" + hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// migrate makes the template, unless it is there. Packages are tested by
// processes of their own at the same time: a lock lets one of them do it.
func (s *server) migrate(ctx context.Context) (err error) {
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }() // which releases the lock
	if _, err := conn.Exec(ctx, `select pg_advisory_lock(hashtext('todochat/pgtest'))`); err != nil {
		return fmt.Errorf("wait for the template: %w", err)
	}
	var done bool
	if err := conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, s.template).Scan(&done); err != nil {
		return fmt.Errorf("look for the template: %w", err)
	}
	if done {
		return nil
	}

	// It gets its name when it is whole: a killed run leaves only a draft.
	draft := s.template + "_draft"
	for _, statement := range []string{"drop database if exists " + quote(draft) + " with (force)", "create database " + quote(draft)} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("make the template: %w", err)
		}
	}
	owner, err := s.address("", draft)
	if err != nil {
		return err
	}
	if err := migrations.Up(ctx, owner); err != nil {
		return fmt.Errorf("migrate the template: %w", err)
	}
	if err := s.shareLogin(ctx, conn); err != nil {
		return err
	}
	for _, statement := range []string{
		"alter database " + quote(draft) + " with is_template true allow_connections false",
		"alter database " + quote(draft) + " rename to " + quote(s.template),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("finish the template: %w", err)
		}
	}
	return nil
}

// roles are the functions' own, which the migrations create.
var roles = []string{"todo", "chat"}

// shareLogin gives the functions' roles the owner's password, where the owner
// needs one: TEST_DATABASE_URL is all we know of such a server.
func (s *server) shareLogin(ctx context.Context, conn *pgx.Conn) error {
	password := conn.Config().Password
	if password == "" {
		return nil
	}
	for _, role := range roles {
		// A statement of this kind takes no parameters.
		literal := "'" + strings.ReplaceAll(password, "'", "''") + "'"
		if _, err := conn.Exec(ctx, "alter role "+quote(role)+" with login password "+literal); err != nil {
			return fmt.Errorf("let the role %s log in: %w", role, err)
		}
	}
	return nil
}

// clone makes a database from the template.
func (s *server) clone(ctx context.Context) (*Database, error) {
	d := &Database{Name: "test_" + strings.ToLower(rand.Text()[:16])}
	var err error
	for role, address := range map[string]*string{"": &d.Owner, "todo": &d.Todo, "chat": &d.Chat} {
		if *address, err = s.address(role, d.Name); err != nil {
			return nil, err
		}
	}
	if s.bouncer != nil {
		d.Todo, d.Chat = s.bouncer.URL("todo", d.Name), s.bouncer.URL("chat", d.Name)
	}
	return d, s.exec(ctx, "create database "+quote(d.Name)+" template "+quote(s.template))
}

// address is that of a database, as a role sees it; as the owner when role is
// empty.
func (s *server) address(role, database string) (string, error) {
	config, err := pgx.ParseConfig(s.admin)
	if err != nil {
		return "", fmt.Errorf("TEST_DATABASE_URL: %w", err)
	}
	if role == "" {
		role = config.User
	}
	address, err := postgres.As(s.admin, role, config.Password, database)
	if err != nil {
		return "", fmt.Errorf("TEST_DATABASE_URL: %w", err)
	}
	return address, nil
}

// exec runs one statement that no transaction may hold.
func (s *server) exec(ctx context.Context, statement string) (err error) {
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
