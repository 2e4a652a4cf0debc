package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/todochat/todochat/hack/postgres/child"
	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/stacktest"
)

// buildTodo builds the todo function alone, with more flags for go build. The
// caller removes its folder.
func buildTodo(ctx context.Context, flags ...string) (stacktest.Programs, error) {
	dir, err := os.MkdirTemp("", "todochat-history-programs-")
	if err != nil {
		return stacktest.Programs{}, fmt.Errorf("make a folder for the program: %w", err)
	}
	args := append([]string{"build", "-trimpath", "-o", filepath.Join(dir, "todo")}, flags...)
	build := exec.CommandContext(ctx, "go", append(args, "github.com/todochat/todochat/functions/todo")...)
	if out, err := build.CombinedOutput(); err != nil {
		return stacktest.Programs{}, errors.Join(fmt.Errorf("build todo: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return stacktest.Programs{Dir: dir}, nil
}

// system is two replicas of the todo function on one database, each behind
// doors of its own.
type system struct {
	programs stacktest.Programs
	folders  []string
	replicas []*replica

	kills, slams int // written by who disturbs
}

// replica is one process of the function, and the next one when that is killed.
type replica struct {
	programs stacktest.Programs
	settings []string
	clients  *door // between the clients and it
	database *door // between it and PostgreSQL
	program  *stacktest.Program
	logs     []string // of those that were killed
}

// execModes are how the replicas talk to the database: one of them as behind a
// pooler.
var execModes = []string{"cache_statement", "cache_describe"}

func startSystem(ctx context.Context, programs stacktest.Programs, database string) (_ *system, err error) {
	s := &system{programs: programs}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	key, err := account.NewSigningKey()
	if err != nil {
		return nil, err
	}
	for _, mode := range execModes {
		folder, err := newFolder()
		if err != nil {
			return nil, err
		}
		s.folders = append(s.folders, folder)
		r := &replica{programs: programs}
		s.replicas = append(s.replicas, r)
		var address string
		if r.database, address, err = newDatabaseDoor(ctx, database, folder, databaseCuts...); err != nil {
			return nil, err
		}
		r.settings = []string{"DATABASE_URL=" + address, "DATABASE_EXEC_MODE=" + mode, "SIGNING_KEY=" + key, "LOG_LEVEL=error"}
		if err := r.start(ctx); err != nil {
			return nil, err
		}
		if r.clients, err = newDoor(ctx, target{"tcp", "127.0.0.1:0"}, r.target(), clientCuts...); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (r *replica) target() target {
	return target{"tcp", strings.TrimPrefix(r.program.URL, "http://")}
}

func (r *replica) start(ctx context.Context) (err error) {
	r.program, err = r.programs.Start(ctx, "todo", r.settings...)
	return err
}

// kill gives the process no time to end what it does, and starts another.
func (r *replica) kill(ctx context.Context) error {
	r.program.Stop(os.Kill, patience)
	r.logs = append(r.logs, r.program.Log())
	if err := r.start(ctx); err != nil {
		return err
	}
	r.clients.lead(r.target())
	return nil
}

// patience bounds how long a program may take to stop.
const patience = 30 * time.Second

// close lets the replicas answer what they have accepted, and ends all.
func (s *system) close() error {
	var errs []error
	for _, r := range s.replicas {
		if r.program != nil && r.program.Stop(syscall.SIGTERM, patience) {
			errs = append(errs, fmt.Errorf("todo did not stop within %v of SIGTERM", patience))
		}
		for _, d := range []*door{r.clients, r.database} {
			if d != nil {
				errs = append(errs, d.close())
			}
		}
	}
	for _, folder := range s.folders {
		errs = append(errs, os.RemoveAll(folder))
	}
	return errors.Join(errs...)
}

// faults are the lines of the replicas' logs about answers of 500.
func (s *system) faults() []string {
	var lines []string
	for _, r := range s.replicas {
		for _, log := range append(r.logs, r.program.Log()) {
			for line := range strings.Lines(log) {
				if strings.Contains(line, `"status":500`) || !strings.HasPrefix(line, "{") {
					lines = append(lines, strings.TrimSpace(line))
				}
			}
		}
	}
	return lines
}

// doors are the addresses for clients.
func (s *system) doors() []string {
	var addresses []string
	for _, r := range s.replicas {
		addresses = append(addresses, r.clients.address())
	}
	return addresses
}

// signUp makes an account, past the clients' doors. Those of the database may
// lose it, so that it is tried again, as somebody else.
func (s *system) signUp(ctx context.Context) (p *person, err error) {
	for range 10 {
		if p, err = trySignUp(ctx, s.replicas[0].program.URL); err == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("sign up: %w", err)
}

func trySignUp(ctx context.Context, address string) (*person, error) {
	body := fmt.Sprintf(`{"email":"%s@example.com","password":"correct horse battery","name":"Ada"}`, uuid.New())
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/api/auth/register", bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	told, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("%s: %s", response.Status, told)
	}
	var out struct {
		AccessToken string `json:"access_token"`
		Account     struct {
			ID uuid.UUID `json:"id"`
		} `json:"account"`
	}
	if err := json.Unmarshal(told, &out); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return &person{account: out.Account.ID, token: out.AccessToken, versions: map[int][]int64{}}, nil
}

// removeAtEnd removes the folder when the returned function is called, or when
// we are killed.
func removeAtEnd(folder string) (remove func() error, err error) {
	watch, err := child.AtDeath(`rm -rf -- "$1"`, folder)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	return func() error {
		watch.Dismiss()
		return os.RemoveAll(folder)
	}, nil
}
