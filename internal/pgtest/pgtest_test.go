package pgtest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/internal/pgtest"
)

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	names := make(chan string, 8)
	t.Run("all", func(t *testing.T) {
		for range cap(names) {
			t.Run("one", func(t *testing.T) {
				t.Parallel()
				d := pgtest.New(t)
				conn := d.Conn(t)
				// Made by every one of them: in a shared database the second would fail.
				if _, err := conn.Exec(t.Context(), `create table mine (x int)`); err != nil {
					t.Error(err)
				}
				names <- d.Name
			})
		}
	})
	close(names)
	admin := pgtest.New(t).Conn(t)
	for name := range names {
		var there bool
		err := admin.QueryRow(t.Context(), `select exists (select from pg_database where datname = $1)`, name).Scan(&there)
		if err != nil || there {
			t.Errorf("%s is still there after its test: %v, %v", name, there, err)
		}
	}
}

func TestADatabaseIsMigratedAndEachRoleHasItsAddress(t *testing.T) {
	t.Parallel()
	d := pgtest.New(t)
	for role, address := range map[string]string{"todo": d.Todo, "chat": d.Chat} {
		conn, err := pgx.Connect(t.Context(), address)
		if err != nil {
			t.Fatalf("as %s: %v", role, err)
		}
		var user, database string
		var migrated bool
		err = conn.QueryRow(t.Context(), `
			select current_user, current_database(), exists (select from pg_namespace where nspname = 'todo')`,
		).Scan(&user, &database, &migrated)
		if err != nil || user != role || database != d.Name || !migrated {
			t.Errorf("got %s in %s, migrated %v, %v, want %s in %s", user, database, migrated, err, role, d.Name)
		}
		_ = conn.Close(context.WithoutCancel(t.Context()))
	}
}

func TestADatabaseGoesAlthoughAConnectionIsOpen(t *testing.T) {
	t.Parallel()
	var left *pgx.Conn
	t.Run("forgetful", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), pgtest.New(t).Todo)
		if err != nil {
			t.Fatal(err)
		}
		left = conn
	})
	if err := left.Ping(t.Context()); err == nil {
		t.Error("the connection outlives the database")
	}
}
