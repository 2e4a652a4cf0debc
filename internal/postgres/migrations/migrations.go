// Package migrations holds the schema and brings a database up to it.
//
// Every migration must work before the new code runs, while both run, and with
// the new code rolled back.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/tern/v2/migrate"
)

// Files are the migrations, in tern's form, applied in the order of their names.
//
//go:embed *.sql
var Files embed.FS

// Roles are the functions' database roles: each owns nothing and reaches its
// own schema only.
var Roles = []string{"todo", "chat"}

// Timeouts belong to the role, not to the connection: start-up parameters do
// not survive a pooler. The search path does too, so that SQL names no schema.
const roleSettings = `
	alter role %[1]s set search_path = %[1]s, public;
	alter role %[1]s set statement_timeout = '10s';
	alter role %[1]s set lock_timeout = '5s';
	alter role %[1]s set idle_in_transaction_session_timeout = '10s'`

// settingsOf is how the server shows roleSettings.
func settingsOf(role string) []string {
	return []string{
		"search_path=" + role + ", public", "statement_timeout=10s", "lock_timeout=5s",
		"idle_in_transaction_session_timeout=10s",
	}
}

// Up creates the roles that are missing and applies the migrations that are
// missing to the database at ownerURL. Concurrent calls wait for one another. A
// schema that later code has migrated stays as it is: it works with this code.
// It must not go through a pooler: the lock belongs to the session.
func Up(ctx context.Context, ownerURL string) error {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("connect to migrate: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, role := range Roles {
		if err := ensureRole(ctx, conn, role); err != nil {
			return err
		}
	}
	migrator, err := migrate.NewMigrator(ctx, conn, "public.schema_version")
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if err := migrator.LoadMigrations(Files); err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	version, err := migrator.GetCurrentVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if int(version) > len(migrator.Migrations) { // this is the code before it, rolled back to
		return nil
	}
	if err := migrator.Migrate(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// ensureRole creates the role unless it is there: roles belong to the whole
// server, and another database's migration may be creating it right now.
func ensureRole(ctx context.Context, conn *pgx.Conn, role string) error {
	const lockRoles = `select pg_advisory_xact_lock(hashtext('todochat roles'))`
	const createRole = `
		do $$ begin
			create role %s login;
		exception when duplicate_object or unique_violation then
			null;
		end $$`
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockRoles); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf(createRole, role)); err != nil {
			return err
		}
		var ready bool
		const settled = `select exists (select from pg_roles where rolname = $1 and rolconfig @> $2)`
		if err := tx.QueryRow(ctx, settled, role, settingsOf(role)).Scan(&ready); err != nil || ready {
			return err
		}
		_, err := tx.Exec(ctx, fmt.Sprintf(roleSettings, role), pgx.QueryExecModeSimpleProtocol)
		return err
	})
	if err != nil {
		return fmt.Errorf("create role %s: %w", role, err)
	}
	return nil
}

// SetPassword gives a function's role its password.
func SetPassword(ctx context.Context, ownerURL, role, password string) error {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("connect to set a password: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	// ALTER ROLE takes no parameters: format() quotes both.
	var statement string
	const alter = `select format('alter role %I password %L', $1::text, $2::text)`
	if err := conn.QueryRow(ctx, alter, role, password).Scan(&statement); err != nil {
		return fmt.Errorf("quote the password of role %s: %w", role, err)
	}
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("set the password of role %s: %w", role, err)
	}
	return nil
}

// Ping reports whether the database takes connections.
func Ping(ctx context.Context, ownerURL string) error {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return conn.Close(ctx)
}

// IsRefusal reports whether an error of Ping will not pass by waiting: a URL
// that is none, a wrong password, a database that is not there.
func IsRefusal(err error) bool {
	var unreadable *pgconn.ParseConfigError
	var server *pgconn.PgError
	return errors.As(err, &unreadable) || errors.As(err, &server) && server.Code != "57P03" // cannot_connect_now: starting up
}
