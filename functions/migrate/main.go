// Command migrate brings the database's schema up to date and sets the
// passwords of the functions' roles; `migrate prune` deletes what is over. It
// has a main of its own so that its image changes only with the migrations.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sethvargo/go-envconfig"
	"github.com/sethvargo/go-retry"

	"github.com/todochat/todochat/internal/postgres/migrations"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], envconfig.OsLookuper()); err != nil {
		fmt.Fprintln(os.Stderr, "migrate:", err)
		os.Exit(1)
	}
}

// config is all that the job can be told.
type config struct {
	DatabaseURL  string        `env:"DATABASE_URL, required"`      // of the owner, not through a pooler
	TodoPassword string        `env:"TODO_DATABASE_PASSWORD"`      // left as it is if unset
	ChatPassword string        `env:"CHAT_DATABASE_PASSWORD"`      // left as it is if unset
	Patience     time.Duration `env:"MIGRATE_TIMEOUT, default=5m"` // for the database to come up, and for others that migrate
}

func run(ctx context.Context, args []string, env envconfig.Lookuper) error {
	var c config
	if err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: &c, Lookuper: env}); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := waitForDatabase(ctx, log, c.DatabaseURL); err != nil {
		return err
	}
	switch {
	case len(args) == 0:
		return migrate(ctx, log, c)
	case len(args) == 1 && args[0] == "prune":
		return prune(ctx, log, c)
	}
	return fmt.Errorf("unknown argument %q: prune is the only one; settings are environment variables, see docs/deploy.md", args[0])
}

// waitForDatabase retries while the database comes up: in a new cluster it is
// created at the same time.
func waitForDatabase(ctx context.Context, log *slog.Logger, url string) error {
	wait := retry.WithCappedDuration(5*time.Second, retry.NewExponential(250*time.Millisecond))
	return retry.Do(ctx, wait, func(ctx context.Context) error {
		err := migrations.Ping(ctx, url)
		if err != nil && !migrations.IsRefusal(err) {
			log.Info("the database does not answer yet", "error", err.Error())
			return retry.RetryableError(err)
		}
		return err
	})
}

func migrate(ctx context.Context, log *slog.Logger, c config) error {
	if err := migrations.Up(ctx, c.DatabaseURL); err != nil {
		return err
	}
	for role, password := range map[string]string{"todo": c.TodoPassword, "chat": c.ChatPassword} {
		if password == "" {
			continue
		}
		if err := migrations.SetPassword(ctx, c.DatabaseURL, role, password); err != nil {
			return err
		}
	}
	log.Info("the schema is up to date")
	return nil
}

func prune(ctx context.Context, log *slog.Logger, c config) error {
	pruned, err := migrations.Prune(ctx, c.DatabaseURL, time.Now())
	for _, p := range pruned {
		log.Info("pruned", "table", p.Table, "rows", p.Rows)
	}
	return err
}
