package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/hack/postgres"
	"github.com/todochat/todochat/hack/postgres/child"
	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/postgres/migrations"
	"github.com/todochat/todochat/internal/stacktest"
)

// connections is how many clients load a server at once.
const connections = 16

// bench is what the measurements share: a database, and the functions on it.
type bench struct {
	options
	say     func(string, ...any)
	machine string
	pgbench pgbench

	dir      string // for logs and the like
	programs stacktest.Programs
	key      string // what tokens are signed with
	server   *postgres.Server
	todo     *program
	chat     *program
	closers  []func() error
	people   int           // how many have signed up
	waited   time.Duration // for other work to end
}

// open starts what the measurements need.
func open(ctx context.Context, o options, say func(string, ...any)) (_ *bench, err error) {
	b := &bench{options: o, say: say}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.pgbench, err = findPgbench(ctx); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "todochat-bench-"); err != nil {
		return nil, fmt.Errorf("make a folder for logs: %w", err)
	}
	if err := b.removeAtEnd(b.dir); err != nil {
		return nil, err
	}
	say("building the programs")
	if b.programs, err = stacktest.Build(ctx); err != nil {
		return nil, err
	}
	if err := b.removeAtEnd(b.programs.Dir); err != nil {
		return nil, err
	}
	b.server, err = postgres.Start(ctx, postgres.Options{Progress: func(what string) { say("%s", what) }})
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, b.server.Stop)
	if err := migrations.Up(ctx, b.database("postgres")); err != nil {
		return nil, err
	}
	if b.machine, err = b.describe(ctx); err != nil {
		return nil, err
	}
	if b.key, err = account.NewSigningKey(); err != nil {
		return nil, err
	}
	if b.todo, err = b.start(ctx, "todo", b.todoSettings(b.database("todo"))...); err != nil {
		return nil, err
	}
	b.chat, err = b.start(ctx, "chat", "DATABASE_URL="+b.database("chat"), "TODO_URL="+b.todo.url(), "INTERPRETER=rules", "CHAT_MODEL=none")
	return b, err
}

// removeAtEnd removes the folder when b closes, or when we are killed.
func (b *bench) removeAtEnd(dir string) error {
	watch, err := child.AtDeath(`rm -rf -- "$1"`, dir)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	b.closers = append(b.closers, func() error {
		watch.Dismiss()
		return os.RemoveAll(dir)
	})
	return nil
}

// close ends all that was started, the latest first.
func (b *bench) close() error {
	var errs []error
	for len(b.closers) > 0 {
		last := len(b.closers) - 1
		errs = append(errs, b.closers[last]())
		b.closers = b.closers[:last]
	}
	return errors.Join(errs...)
}

// database is the address of the database as a role sees it.
func (b *bench) database(role string) string { return b.server.URL(role, "postgres") }

func (b *bench) todoSettings(database string) []string {
	return []string{"DATABASE_URL=" + database, "SIGNING_KEY=" + b.key}
}

func (b *bench) describe(ctx context.Context) (string, error) {
	var version, fsync string
	err := b.query(ctx, `select split_part(current_setting('server_version'), ' ', 1), current_setting('fsync')`, &version, &fsync)
	if err != nil {
		return "", err
	}
	memory := ""
	if total, err := memoryOf("/proc/meminfo", "MemTotal"); err == nil {
		memory = fmt.Sprintf(", %.0f GiB", total/1024)
	}
	return fmt.Sprintf("%d cores%s, %s/%s, %s, PostgreSQL %s (fsync %s), pgbench %s; %d rounds of %s", runtime.NumCPU(), memory,
		runtime.GOOS, runtime.GOARCH, runtime.Version(), version, fsync, b.pgbench.version, b.rounds, b.round), nil
}

// query reads one row as the owner of everything.
func (b *bench) query(ctx context.Context, sql string, into ...any) (err error) {
	conn, err := pgx.Connect(ctx, b.database(postgres.Superuser))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	return conn.QueryRow(ctx, sql).Scan(into...)
}

// program is a running program, its log in a file: nobody reads a pipe while
// it is measured.
type program struct {
	address string
	*child.Process
	log string
}

func (p *program) url() string { return "http://" + p.address }

// command is what runs the program, on a free port, with exactly these
// settings.
func (b *bench) command(ctx context.Context, name string, settings ...string) (cmd *exec.Cmd, address string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("find a free port: %w", err)
	}
	address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, "", err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", err
	}
	if name == bareCommand {
		var self string
		if self, err = os.Executable(); err != nil {
			return nil, "", fmt.Errorf("find our own program: %w", err)
		}
		cmd = exec.Command(self, bareCommand, settings[0])
		settings = settings[1:]
	} else {
		cmd = exec.Command(filepath.Join(b.programs.Dir, name))
	}
	cmd.Env = append([]string{"HOST=" + host, "PORT=" + port}, settings...)
	return cmd, address, nil
}

// start starts a program, which ends with b at the latest, and returns once it
// answers. The bare server takes the file with its answer as first setting.
func (b *bench) start(ctx context.Context, name string, settings ...string) (*program, error) {
	cmd, address, err := b.command(ctx, name, settings...)
	if err != nil {
		return nil, err
	}
	log, err := os.CreateTemp(b.dir, name+"-*.log")
	if err != nil {
		return nil, fmt.Errorf("make a log: %w", err)
	}
	defer log.Close()
	cmd.Stderr = log
	process, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	p := &program{address, process, log.Name()}
	b.closers = append(b.closers, p.stop)
	if err := untilReady(ctx, p); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// bare starts the bare server with an answer.
func (b *bench) bare(ctx context.Context, answer []byte) (*program, error) {
	file, err := b.file("answer-*.json", answer)
	if err != nil {
		return nil, err
	}
	return b.start(ctx, bareCommand, file)
}

func (b *bench) file(pattern string, content []byte) (string, error) {
	file, err := os.CreateTemp(b.dir, pattern)
	if err != nil {
		return "", fmt.Errorf("make a file: %w", err)
	}
	_, err = file.Write(content)
	return file.Name(), errors.Join(err, file.Close())
}

// patience bounds how long a program may take to start or stop.
const patience = 10 * time.Second

// stop ends the program; it may be called again.
func (p *program) stop() error {
	select {
	case <-p.Done():
		return nil
	default:
	}
	if p.Stop(syscall.SIGTERM, patience) {
		return fmt.Errorf("%s did not stop within %v of SIGTERM", p.log, patience)
	}
	return nil
}

// untilReady waits until the program answers its readiness probe.
func untilReady(ctx context.Context, p *program) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		status, err := ask(ctx, p.address, "/readyz")
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-p.Done():
			log, _ := os.ReadFile(p.log)
			return fmt.Errorf("it ended: %w\n%s", p.Err(), log)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(100 * time.Microsecond):
		}
	}
}

// ask sends one request over a connection of its own.
func ask(ctx context.Context, address, path string) (status int, err error) {
	c, err := dial(ctx, address)
	if err != nil {
		return 0, err
	}
	defer c.close()
	status, _, err = c.do(request(http.MethodGet, path, "", ""))
	return status, err
}

// person is somebody with an account, signed in.
type person struct {
	account, session string
	email            string
	token            string
}

const password = "correct horse battery"

// signUp makes accounts.
func (b *bench) signUp(ctx context.Context, n int) ([]person, error) {
	c, err := dial(ctx, b.todo.address)
	if err != nil {
		return nil, err
	}
	defer c.close()
	people := make([]person, n)
	for i := range people {
		b.people++
		email := "person" + strconv.Itoa(b.people) + "@example.com"
		answer, err := c.want(http.StatusCreated, request(http.MethodPost, "/api/auth/register", "",
			fmt.Sprintf(`{"email":%q,"password":%q,"name":"Person"}`, email, password)))
		if err != nil {
			return nil, err
		}
		var signedIn struct {
			AccessToken string `json:"access_token"`
			Account     struct {
				ID string `json:"id"`
			} `json:"account"`
		}
		if err := json.Unmarshal(answer, &signedIn); err != nil {
			return nil, fmt.Errorf("read the answer to a sign-up: %w", err)
		}
		p := person{account: signedIn.Account.ID, email: email, token: signedIn.AccessToken}
		if err := b.query(ctx, `select id::text from todo.sessions where account_id = '`+p.account+`'`, &p.session); err != nil {
			return nil, fmt.Errorf("look for a session: %w", err)
		}
		people[i] = p
	}
	return people, nil
}

// fill gives each of the people a thousand todos.
func (b *bench) fill(ctx context.Context, people []person) error {
	const todos = 1000
	operations := make([]string, todos)
	for i := range operations {
		operations[i] = `{"op":"create","todo":` + newTodo(i) + `}`
	}
	body := `{"operations":[` + strings.Join(operations, ",") + `]}`
	c, err := dial(ctx, b.todo.address)
	if err != nil {
		return err
	}
	defer c.close()
	for _, p := range people {
		if _, err := c.want(http.StatusOK, request(http.MethodPost, "/api/todos/batch", p.token, body)); err != nil {
			return err
		}
	}
	return nil
}

// newTodo is a todo as people write them; n makes it another one.
func newTodo(n int) string {
	return fmt.Sprintf(`{"title":"Call the garage about invoice %06d","description":"They open at nine.","priority":"high","due":"2030-02-01","tags":["car","phone"]}`, n)
}

// memoryOf reads a field of a file such as /proc/PID/status, in MiB.
func memoryOf(file, field string) (float64, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(content) {
		name, rest, _ := strings.Cut(string(line), ":")
		if name != field {
			continue
		}
		kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
		if err != nil {
			return 0, fmt.Errorf("read %s of %s: %w", field, file, err)
		}
		return kib / 1024, nil
	}
	return 0, fmt.Errorf("%s has no %s", file, field)
}
