package web

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/sethvargo/go-envconfig"
)

// Config is what every program needs to serve.
type Config struct {
	Host     string        `env:"HOST"`                        // what to listen on; all interfaces if unset
	Port     string        `env:"PORT, default=8080"`          // Knative sets it
	LogLevel slog.Level    `env:"LOG_LEVEL, default=info"`     // debug, info, warn or error
	Linger   time.Duration `env:"DRAIN_LINGER, default=200ms"` // how long new requests are still taken after SIGTERM
}

// Addr is the address to listen on.
func (c Config) Addr() string { return net.JoinHostPort(c.Host, c.Port) }

// Logger writes JSON lines to w.
func (c Config) Logger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: c.LogLevel}))
}

// Read fills in a program's settings, a pointer to a struct with env tags, from
// a function like os.Getenv. An empty value counts as unset.
func Read(ctx context.Context, getenv func(string) string, settings any) error {
	err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: settings, Lookuper: lookuper(getenv)})
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	return nil
}

type lookuper func(string) string

func (l lookuper) Lookup(key string) (string, bool) {
	value := l(key)
	return value, value != ""
}
