package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/internal/stacktest"
	"github.com/todochat/todochat/internal/todo"
	"github.com/todochat/todochat/internal/todoclient"
)

// readLedgers reads what is there of the people's accounts: as the tables have
// it, and by way of a function that knows nothing of what went before.
func readLedgers(ctx context.Context, s *system, d database, people []*person) (_ []ledger, err error) {
	if err := settle(ctx, d.owner); err != nil {
		return nil, err
	}
	program, err := s.fresh(ctx, d.todo)
	if err != nil {
		return nil, err
	}
	defer program.Stop(syscall.SIGTERM, patience)
	base, err := url.Parse(program.URL)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, d.owner)
	if err != nil {
		return nil, fmt.Errorf("look into the database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	api := todoclient.New(base, newHTTPClient())
	var ledgers []ledger
	for _, p := range people {
		l := ledger{Account: p.account}
		if l.Changes, err = allChanges(ctx, api, p.token); err != nil {
			return nil, fmt.Errorf("read changes: %w", err)
		}
		if l.Todos, err = allTodos(ctx, api, p.token); err != nil {
			return nil, fmt.Errorf("read todos: %w", err)
		}
		if l.Stored, err = readStored(ctx, conn, p.account); err != nil {
			return nil, fmt.Errorf("read the tables: %w", err)
		}
		ledgers = append(ledgers, l)
	}
	return ledgers, nil
}

// fresh starts a replica without doors, which takes the tokens of the others.
func (s *system) fresh(ctx context.Context, database string) (*stacktest.Program, error) {
	return s.programs.Start(ctx, "todo", append(slices.Clone(s.replicas[0].settings), "DATABASE_URL="+database)...)
}

// settle waits until the database has done what it was sent before its
// connections were cut.
func settle(ctx context.Context, owner string) (err error) {
	conn, err := pgx.Connect(ctx, owner)
	if err != nil {
		return fmt.Errorf("look into the database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	const query = `select count(*) from pg_stat_activity where datname = current_database() and usename = 'todo'`
	for {
		var connections int
		if err := conn.QueryRow(ctx, query).Scan(&connections); err != nil {
			return fmt.Errorf("look for connections: %w", err)
		}
		if connections == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func allChanges(ctx context.Context, api *todoclient.Client, token string) ([]todo.Change, error) {
	var all []todo.Change
	for {
		var since int64
		if n := len(all); n > 0 {
			since = all[n-1].Seq
		}
		page, more, err := api.Changes(ctx, token, since, 500)
		all = append(all, page...)
		if err != nil || !more {
			return all, err
		}
	}
}

func allTodos(ctx context.Context, api *todoclient.Client, token string) ([]todo.Todo, error) {
	var all []todo.Todo
	for cursor := ""; ; {
		page, err := api.Todos(ctx, token, todo.Query{Limit: 100, Sort: todo.SortCreated}, cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Todos...)
		if cursor = page.NextCursor; cursor == "" {
			slices.Reverse(all)
			return all, nil
		}
	}
}

func readStored(ctx context.Context, conn *pgx.Conn, id uuid.UUID) (stored, error) {
	s := stored{Keys: map[string]span{}}
	err := conn.QueryRow(ctx, `select seq, next_number from todo.accounts where id = $1`, id.String()).Scan(&s.Seq, &s.NextNumber)
	if err != nil {
		return stored{}, fmt.Errorf("account: %w", err)
	}
	// As JSON, which says the same whatever a driver makes of types.
	const changes = `
		select to_jsonb(c) - 'account_id' from todo.changes c where account_id = $1 order by seq`
	const todos = `
		select to_jsonb(t) - 'account_id' - 'due_on' - 'due_at' || jsonb_build_object('due', coalesce(to_jsonb(due_on), to_jsonb(due_at)))
		from todo.todos t where account_id = $1 order by number`
	const keys = `select key, first_seq, last_seq from todo.requests where account_id = $1`
	if s.Changes, err = readJSON[todo.Change](ctx, conn, changes, id); err != nil {
		return stored{}, fmt.Errorf("changes: %w", err)
	}
	if s.Todos, err = readJSON[todo.Todo](ctx, conn, todos, id); err != nil {
		return stored{}, fmt.Errorf("todos: %w", err)
	}
	rows, err := conn.Query(ctx, keys, id.String())
	if err != nil {
		return stored{}, fmt.Errorf("keys: %w", err)
	}
	var key string
	var kept span
	_, err = pgx.ForEachRow(rows, []any{&key, &kept.First, &kept.Last}, func() error {
		s.Keys[key] = kept
		return nil
	})
	return s, err
}

// readJSON reads rows of one JSON value. Their times are told in the server's
// time zone.
func readJSON[T any](ctx context.Context, conn *pgx.Conn, query string, id uuid.UUID) ([]T, error) {
	rows, err := conn.Query(ctx, query, id.String())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (T, error) {
		var text []byte
		var v T
		if err := row.Scan(&text); err != nil {
			return v, err
		}
		return v, json.Unmarshal(text, &v)
	})
}
