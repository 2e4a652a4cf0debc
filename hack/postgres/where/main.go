// Command where prints the folder of the PostgreSQL programs that package
// postgres runs, and fetches or installs them first when they are not there.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/hack/postgres"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	dir, err := programs(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "where:", err)
		os.Exit(1)
	}
	fmt.Println(dir)
}

// programs asks a server, which takes a second and shows that they work.
func programs(ctx context.Context) (dir string, err error) {
	server, err := postgres.Start(ctx, postgres.Options{
		Progress: func(what string) { fmt.Fprintln(os.Stderr, "where:", what) },
	})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	conn, err := pgx.Connect(ctx, server.URL(postgres.Superuser, "postgres"))
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if err := conn.QueryRow(ctx, "select setting from pg_config where name = 'BINDIR'").Scan(&dir); err != nil {
		return "", fmt.Errorf("ask for the folder of its programs: %w", err)
	}
	return dir, nil
}
