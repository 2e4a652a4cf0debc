package postgres

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestABouncersClientsShareAConnectionBetweenTransactions(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Settings: map[string]string{"fsync": "off"}})
	b := startBouncer(t, s, 1)
	var backends [2]string
	var clients [2]*pgx.Conn
	for i := range clients {
		config, err := pgx.ParseConfig(b.URL(Superuser, "postgres"))
		if err != nil {
			t.Fatal(err)
		}
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
		if clients[i], err = pgx.ConnectConfig(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = clients[i].Close(context.Background()) })
	}
	for i, c := range clients {
		if err := c.QueryRow(t.Context(), "select pg_backend_pid()::text").Scan(&backends[i]); err != nil {
			t.Fatal(err)
		}
	}
	if backends[0] != backends[1] {
		t.Errorf("two clients were served by processes %s and %s, want one", backends[0], backends[1])
	}
}

func TestAStoppedBouncerLeavesNothing(t *testing.T) {
	t.Parallel()
	b := startBouncer(t, start(t, Options{Settings: map[string]string{"fsync": "off"}}), 1)
	for range 2 {
		if err := b.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	if _, err := os.Stat(b.dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", b.dir, err)
	}
}

func TestABouncerThatEndsAtOnceIsReported(t *testing.T) {
	t.Setenv("PGBOUNCER_BIN", "/bin/false")
	_, err := StartBouncer(t.Context(), BouncerOptions{Server: "postgres:///postgres?host=/tmp", Pool: 1})
	if err == nil || !strings.Contains(err.Error(), "start PgBouncer: exit status 1") {
		t.Errorf("got %v, want the exit status of what was started", err)
	}
}

func startBouncer(t *testing.T, s *Server, pool int) *Bouncer {
	t.Helper()
	b, err := StartBouncer(t.Context(), BouncerOptions{
		Server: s.URL(Superuser, "postgres"), Logins: map[string]string{Superuser: ""}, Pool: pool,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop() })
	return b
}
