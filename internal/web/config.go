package web

import (
	"io"
	"log/slog"
	"net"
	"time"
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

// Getenv lets settings be read from a function like os.Getenv; an empty value
// counts as unset.
type Getenv func(string) string

// Lookup implements envconfig.Lookuper.
func (g Getenv) Lookup(key string) (string, bool) {
	value := g(key)
	return value, value != ""
}
