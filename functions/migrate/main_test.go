package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sethvargo/go-envconfig"

	"github.com/todochat/todochat/internal/pgtest"
	"github.com/todochat/todochat/internal/postgres/migrations"
)

func TestASchemaOfLaterCodeStaysAsItIs(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	conn := database.Conn(t)
	if _, err := conn.Exec(t.Context(), `update public.schema_version set version = version + 1`); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), nil, envconfig.MapLookuper(map[string]string{"DATABASE_URL": database.Owner})); err != nil {
		t.Errorf("the code before, rolled back to: %v", err)
	}
	var ahead bool
	if err := conn.QueryRow(t.Context(), `select version > $1 from public.schema_version`, migrationsHere(t)).Scan(&ahead); err != nil || !ahead {
		t.Errorf("the schema's version went back: %v", err)
	}
}

// migrationsHere is how many this code has.
func migrationsHere(t *testing.T) int {
	t.Helper()
	files, err := migrations.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestMigratingAgainChangesNothing(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	env := envconfig.MapLookuper(map[string]string{"DATABASE_URL": database.Owner})
	for range 2 {
		if err := run(t.Context(), nil, env); err != nil {
			t.Fatal(err)
		}
	}
	for schema, role := range map[string]string{"todo": "chat", "chat": "todo"} {
		var reaches bool
		if err := database.Conn(t).QueryRow(t.Context(), `select has_schema_privilege($1, $2, 'usage')`, role, schema).Scan(&reaches); err != nil || reaches {
			t.Errorf("role %s reaches schema %s: %t, %v", role, schema, reaches, err)
		}
	}
	var rewrites bool
	const query = `select has_table_privilege('todo', 'todo.changes', 'update') or has_table_privilege('todo', 'todo.changes', 'delete')`
	if err := database.Conn(t).QueryRow(t.Context(), query).Scan(&rewrites); err != nil || rewrites {
		t.Errorf("the function can rewrite history: %t, %v", rewrites, err)
	}
}

func TestPruningDeletesWhatIsOverAndNothingElse(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	conn := database.Conn(t)
	const fill = `
		with a as (
			insert into todo.accounts (id, email, name, password, time_zone, created_at)
			values (gen_random_uuid(), 'a@example.com', 'A', 'x', 'UTC', now()) returning id
		), c as (
			insert into chat.conversations (account_id, id, created_at, updated_at)
			select id, gen_random_uuid(), now(), now() from a returning account_id, id
		), s as (
			insert into todo.sessions (account_id, id, rotated_at, created_at, expires_at, revoked_at)
			select a.id, gen_random_uuid(), now(), now(), now() + e, now() + r
			from a, (values (interval '1 day', null::interval), ('-2 days', null), ('10 days', '-2 days'), ('-1 hour', null)) v (e, r)
		), q as (
			insert into todo.requests (account_id, key, hash, todo_ids, first_seq, last_seq, at)
			select a.id, v.age::text, '', '{}', 1, 0, now() - v.age from a, (values (interval '1 day'), ('8 days')) v (age)
		), p as (
			insert into chat.proposals (account_id, id, conversation_id, operations, expires_at)
			select c.account_id, gen_random_uuid(), c.id, '[]', now() + v.e from c, (values (interval '1 minute'), ('-2 days')) v (e)
		)
		insert into chat.turns (account_id, message_id, hash, conversation_id, plan, at)
		select c.account_id, v.age::text, '', c.id, '{}', now() - v.age from c, (values (interval '6 days'), ('8 days')) v (age)`
	if _, err := conn.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"prune"}, envconfig.MapLookuper(map[string]string{"DATABASE_URL": database.Owner})); err != nil {
		t.Fatal(err)
	}
	for table, want := range map[string]int{"todo.sessions": 2, "todo.requests": 1, "chat.turns": 1, "chat.proposals": 1, "todo.accounts": 1} {
		var got int
		if err := conn.QueryRow(t.Context(), fmt.Sprintf("select count(*) from %s", table)).Scan(&got); err != nil || got != want {
			t.Errorf("%s has %d rows after pruning, %v, want %d", table, got, err, want)
		}
	}
}

func TestAWrongPasswordIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	began := time.Now()
	err := run(t.Context(), nil, envconfig.MapLookuper(map[string]string{"DATABASE_URL": strings.Replace(database.Owner, database.Name, "not_there", 1)}))
	if err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("a database that is not there: %v after %v, want it said at once", err, time.Since(began))
	}
	err = run(t.Context(), nil, envconfig.MapLookuper(map[string]string{"DATABASE_URL": "postgres://127.0.0.1:1/x", "MIGRATE_TIMEOUT": "300ms"}))
	if err == nil {
		t.Error("no server at all is no error")
	}
}
