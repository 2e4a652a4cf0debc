// Package postgres runs a private PostgreSQL: for make run, for tests and for
// benchmarks. It listens on a Unix socket only, so there is no port to clash
// and nothing for the network to reach, and it ends with the process that
// started it, however that one ends.
//
// Where the server comes from is binaries.go, how its data is made and kept
// from harm is data.go.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/todochat/todochat/hack/postgres/child"
)

// Superuser is the role that owns a new server.
const Superuser = "postgres"

// Options say which data a server has and how it behaves. The zero value is a
// temporary server.
type Options struct {
	// Data is the directory of the data, made when it is not there. Empty means
	// a temporary one that goes with the server.
	Data string
	// Log receives what the server writes; nil discards it.
	Log io.Writer
	// Progress is told what is being done, in a few words, before each step that
	// may take a while; nil tells nobody.
	Progress func(string)
	// Settings are server parameters, such as fsync=off for tests.
	Settings map[string]string
}

// Server is a running PostgreSQL.
type Server struct {
	dir     string // holds the socket and, for a temporary server, the data
	data    string
	lock    *os.File // keeps other servers off the data; nil for a temporary one
	watch   *child.Watch
	process *child.Process

	stop    sync.Once
	stopErr error
}

// Start starts a server and returns once it accepts connections. The context
// bounds the start only; the server runs until Stop.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Data != "" {
		if o.Data, err = filepath.Abs(o.Data); err != nil {
			return nil, fmt.Errorf("find the data directory: %w", err)
		}
	}
	who, err := serverUser(o.Data)
	if err != nil {
		return nil, err
	}
	made, err := madeBy(o.Data)
	if err != nil {
		return nil, err
	}
	bin, err := newFinder(who, made, o.Progress).find(ctx)
	if err != nil {
		return nil, err
	}

	s := &Server{data: o.Data}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if s.dir, err = makeDir(who); err != nil {
		return nil, err
	}
	temporary := o.Data == ""
	if temporary {
		s.data = filepath.Join(s.dir, "data")
	} else if s.lock, err = claim(s.data, who); err != nil {
		return nil, err
	}
	if s.watch, err = child.AtDeath(tidy, s.dir, s.data); err != nil {
		return nil, err
	}
	if err := (cluster{s.data, made, bin, who, temporary, o.Progress}).prepare(ctx); err != nil {
		return nil, err
	}
	o.Progress("starting PostgreSQL")
	if err := s.launch(ctx, bin, who, o); err != nil {
		return nil, err
	}
	return s, nil
}

// tidy is the shell's part when we are killed. Linux has told the server to
// stop by then; elsewhere this does. It removes the socket and temporary data.
const tidy = `
if pid=$(head -n 1 "$2/postmaster.pid" 2>/dev/null) && [ -n "$pid" ]; then
	kill -INT "$pid"
	for i in $(seq 300); do
		[ -e "$2/postmaster.pid" ] && kill -0 "$pid" || break
		sleep 0.1
	done
fi 2>/dev/null
for i in $(seq 50); do
	rm -rf "$1" && break
	sleep 0.1
done 2>/dev/null`

func (s *Server) launch(ctx context.Context, bin binaries, who account, o Options) error {
	settings := map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": s.dir,
		"unix_socket_permissions": "0700",
		"port":                    "5432", // names the socket; nothing listens on it
		"max_connections":         "200",
	}
	maps.Copy(settings, o.Settings)
	args := []string{"-D", s.data}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}

	last := &tail{}
	cmd := who.command(filepath.Join(bin.dir, "postgres"), args...)
	cmd.Stdout, cmd.Stderr = last, last
	if o.Log != nil {
		cmd.Stderr = io.MultiWriter(last, o.Log)
	}
	process, err := child.Start(cmd, syscall.SIGINT) // SIGINT is PostgreSQL's fast shutdown
	if err != nil {
		return err
	}
	s.process = process

	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("start PostgreSQL: %w", ctx.Err())
		case <-process.Done():
			return fmt.Errorf("start PostgreSQL: %w: %s", ended(process), last.line())
		case <-tick.C:
		}
		if pid := readPIDFile(s.data); pid.process == process.PID() && pid.ready {
			return nil
		}
	}
}

// ended says how the server ended; exit status 0 is an end as well.
func ended(p *child.Process) error {
	if err := p.Err(); err != nil {
		return err
	}
	return errors.New("it shut down")
}

// URL is the address of a database as seen by a role. Nobody needs a password:
// whoever can open the socket is trusted.
func (s *Server) URL(role, database string) string {
	query := url.Values{"host": {s.dir}, "port": {"5432"}, "user": {role}}
	u := url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: encode(query)}
	return u.String()
}

// encode writes a space as %20, since libpq reads a plus sign as itself.
func encode(query url.Values) string { return strings.ReplaceAll(query.Encode(), "+", "%20") }

// Done is closed when the server has ended, by itself or by Stop.
func (s *Server) Done() <-chan struct{} { return s.process.Done() }

// Stop shuts the server down, breaking its connections, and waits until it is
// gone, with its data when that is temporary. It may be called again.
func (s *Server) Stop() error {
	s.stop.Do(func() { s.stopErr = s.shutDown() })
	return s.stopErr
}

func (s *Server) shutDown() error {
	var err error
	if s.process != nil {
		if s.process.Stop(syscall.SIGINT, 30*time.Second) {
			err = errors.New("stop PostgreSQL: killed after 30 s")
		} else if how := s.process.Err(); how != nil {
			err = fmt.Errorf("stop PostgreSQL: %w", how)
		}
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	if s.watch != nil {
		s.watch.Dismiss()
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// As returns the address base with another role, its password and, unless it
// is empty, another database. base may name its role in either of the places
// where a URL can.
func As(base, role, password, database string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		// The error of url.Parse repeats the address, which may hold a password.
		return "", errors.New("the database's address is not of the form postgres://user:password@host:port/database")
	}
	query := u.Query()
	query.Del("user")
	query.Del("password")
	switch {
	case u.Host == "": // the socket's directory is in the query, and so is the role
		u.User = nil
		query.Set("user", role)
		if password != "" {
			query.Set("password", password)
		}
	case password == "":
		u.User = url.User(role)
	default:
		u.User = url.UserPassword(role, password)
	}
	if database != "" {
		query.Del("dbname")
		query.Del("database")
		u.Path = "/" + database
	}
	u.RawQuery = encode(query)
	return u.String(), nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const limit = 4 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if extra := len(t.kept) - limit; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}
	return len(p), nil
}

// line is the end of what was written, in one line.
func (t *tail) line() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return oneLine(t.kept)
}

// oneLine joins the last lines of a program's output, for an error.
func oneLine(output []byte) string {
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	if extra := len(lines) - 4; extra > 0 {
		lines = lines[extra:]
	}
	return string(bytes.Join(bytes.Fields(bytes.Join(lines, []byte("; "))), []byte(" ")))
}

// output runs cmd as a child that does not outlive us and returns what it
// wrote. Its error holds the end of that.
func output(ctx context.Context, cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Stop(syscall.SIGTERM, 3*time.Second)
		return nil, fmt.Errorf("%s: %w", filepath.Base(cmd.Path), ctx.Err())
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, oneLine(out.Bytes()))
	}
	return out.Bytes(), nil
}
