package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/todochat/todochat/hack/postgres/child"
)

// Bouncer is a running PgBouncer in transaction mode: a client has a
// connection to the server for as long as a transaction, and the next one for
// the next. Like a Server it listens on a Unix socket only, and ends with the
// process that started it.
type Bouncer struct {
	server  *url.URL
	dir     string
	watch   *child.Watch
	process *child.Process

	stop    sync.Once
	stopErr error
}

// BouncerOptions say what a Bouncer stands before.
type BouncerOptions struct {
	Server string            // the address of any of its databases
	Logins map[string]string // the password of each role that may come; empty where none is needed
	Pool   int               // connections to the server for each role and database
}

// StartBouncer starts a PgBouncer and returns once it accepts connections. The
// context bounds the start only. It must be installed: PgBouncer of
// PGBOUNCER_BIN, or the pgbouncer of the search path or of Debian's.
func StartBouncer(ctx context.Context, o BouncerOptions) (_ *Bouncer, err error) {
	program, err := findBouncer()
	if err != nil {
		return nil, err
	}
	b := &Bouncer{}
	if b.server, err = url.Parse(o.Server); err != nil {
		return nil, errors.New("the server's address is not of the form postgres://user:password@host:port/database")
	}
	// Like PostgreSQL it does not run as root; and its user must reach the
	// server's socket.
	who, err := serverUser("")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Stop())
		}
	}()
	if b.dir, err = makeDir(who); err != nil {
		return nil, err
	}
	if b.watch, err = child.AtDeath(`rm -rf -- "$1"`, b.dir); err != nil {
		return nil, err
	}
	settings, err := b.configure(who, o)
	if err != nil {
		return nil, err
	}
	last := &tail{}
	cmd := who.command(program, "-q", settings)
	cmd.Stdout, cmd.Stderr = last, last
	if b.process, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		return nil, err
	}
	return b, b.wait(ctx, last)
}

func findBouncer() (string, error) {
	if path := os.Getenv("PGBOUNCER_BIN"); path != "" {
		return path, nil
	}
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} { // Debian's is on root's search path only
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no PgBouncer: apt-get install pgbouncer, brew install pgbouncer, or PGBOUNCER_BIN=…")
}

// configure writes the settings to files, and returns the main one.
func (b *Bouncer) configure(who account, o BouncerOptions) (string, error) {
	host, port := b.server.Hostname(), b.server.Port()
	if host == "" {
		host, port = b.server.Query().Get("host"), b.server.Query().Get("port")
	}
	if port == "" {
		port = "5432"
	}
	settings := strings.Join([]string{
		"[databases]",
		fmt.Sprintf("* = host=%s port=%s", host, port),
		"[pgbouncer]",
		"pool_mode = transaction",
		"listen_addr =",
		"listen_port = 5432", // names the socket; nothing listens on it
		"unix_socket_dir = " + b.dir,
		"unix_socket_mode = 0700",
		"auth_type = trust", // whoever can open the socket
		"auth_file = " + filepath.Join(b.dir, "users.txt"),
		"default_pool_size = " + strconv.Itoa(o.Pool),
		"max_client_conn = 1000",
		"server_idle_timeout = 5", // tests leave databases behind
		"query_wait_timeout = 10", // what waits for a database that is gone
	}, "\n") + "\n"
	var users strings.Builder
	for role, password := range o.Logins {
		fmt.Fprintf(&users, "%s %s\n", quoted(role), quoted(password))
	}
	for name, content := range map[string]string{"pgbouncer.ini": settings, "users.txt": users.String()} {
		path := filepath.Join(b.dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return "", fmt.Errorf("configure PgBouncer: %w", err)
		}
		if err := who.give(path); err != nil {
			return "", fmt.Errorf("give %s to %s: %w", path, who.name, err)
		}
	}
	return filepath.Join(b.dir, "pgbouncer.ini"), nil
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func (b *Bouncer) wait(ctx context.Context, last *tail) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		// The socket is there once it listens.
		if _, err := os.Stat(filepath.Join(b.dir, ".s.PGSQL.5432")); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("start PgBouncer: %w", ctx.Err())
		case <-b.process.Done():
			return fmt.Errorf("start PgBouncer: %w: %s", ended(b.process), last.line())
		case <-tick.C:
		}
	}
}

// URL is the address of a database as seen by a role, through the bouncer.
func (b *Bouncer) URL(role, database string) string {
	query := url.Values{"host": {b.dir}, "port": {"5432"}, "user": {role}}
	u := url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: encode(query)}
	return u.String()
}

// Stop ends the bouncer, breaking its connections. It may be called again.
func (b *Bouncer) Stop() error {
	b.stop.Do(func() {
		if b.process != nil {
			b.process.Stop(syscall.SIGTERM, 5*time.Second)
		}
		if b.dir != "" {
			b.stopErr = os.RemoveAll(b.dir)
		}
		if b.watch != nil {
			b.watch.Dismiss()
		}
	})
	return b.stopErr
}
