package stacktest

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/todochat/todochat/hack/postgres/child"
	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/pgtest"
)

// Stack is the whole system, for one test.
type Stack struct {
	Database *pgtest.Database
	Todo     *Program
	Chat     *Program
	Frontend *Program
}

// New starts the whole system on a database of its own, with more settings for
// all three programs. Without an INTERPRETER or CHAT_MODEL among them, messages
// are read by rules and answered by code. It ends with the test.
func New(t testing.TB, settings ...string) *Stack {
	t.Helper()
	key, err := account.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	s := &Stack{Database: pgtest.New(t)}
	s.Todo = Run(t, "todo", append(settings, "DATABASE_URL="+s.Database.Todo, "SIGNING_KEY="+key)...)
	s.Chat = Run(t, "chat", slices.Concat([]string{"INTERPRETER=rules", "CHAT_MODEL=none"}, settings, []string{"DATABASE_URL=" + s.Database.Chat, "TODO_URL=" + s.Todo.URL})...)
	s.Frontend = Run(t, "frontend", append(settings, "TODO_URL="+s.Todo.URL, "CHAT_URL="+s.Chat.URL)...)
	return s
}

// patience bounds how long a program may take to stop.
const patience = 10 * time.Second

// Run starts one program for a test. It ends with the test, which shows its
// log when it failed.
func Run(t testing.TB, name string, settings ...string) *Program {
	t.Helper()
	programs, err := built()
	if err != nil {
		t.Fatal(err)
	}
	// Behind a pooler the programs must be told; what settings say comes last.
	settings = append([]string{"DATABASE_EXEC_MODE=" + pgtest.ExecModes()[0]}, settings...)
	p, err := programs.Start(t.Context(), name, settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.Stop(syscall.SIGTERM, patience) {
			t.Errorf("%s did not stop within %v of SIGTERM", name, patience)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, p.Log())
		}
	})
	return p
}

// built builds the programs once for a test process, and leaves no file behind
// when it ends.
var built = sync.OnceValues(func() (Programs, error) {
	p, err := Build(context.Background())
	if err != nil {
		return Programs{}, err
	}
	_, err = child.AtDeath(`rm -rf -- "$1"`, p.Dir)
	return p, err
})
