// Package postgres keeps todos, accounts and conversations in PostgreSQL.
//
// SQL stands beside its method and names the account in every where. Writes
// of todos go through Store.Apply alone.
package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"

	"github.com/todochat/todochat/internal/fault"
)

// Config says how to reach the database.
type Config struct {
	URL      string
	ExecMode string // cache_statement; cache_describe or exec behind a pooler
	PoolSize int
	Name     string // shown in pg_stat_activity
}

var execModes = map[string]pgx.QueryExecMode{
	"cache_statement": pgx.QueryExecModeCacheStatement,
	"cache_describe":  pgx.QueryExecModeCacheDescribe,
	"exec":            pgx.QueryExecModeExec,
}

// Open returns a pool that connects when it is first used. The caller closes it.
func Open(ctx context.Context, c Config) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, errors.New("read DATABASE_URL: it is no PostgreSQL connection string") // the cause holds the password
	}
	mode, ok := execModes[c.ExecMode]
	if !ok {
		return nil, fmt.Errorf("read DATABASE_EXEC_MODE: %q is not cache_statement, cache_describe or exec", c.ExecMode)
	}
	config.MaxConns = int32(c.PoolSize)
	config.MaxConnIdleTime = 5 * time.Minute
	config.ConnConfig.DefaultQueryExecMode = mode
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	config.ConnConfig.RuntimeParams["application_name"] = c.Name
	config.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		pgxuuid.Register(conn.TypeMap()) // else each id is sent by way of its text
		// Without prepared statements the driver knows types by their Go type alone.
		conn.TypeMap().RegisterDefaultPgType(uuid.UUID{}, "uuid")
		conn.TypeMap().RegisterDefaultPgType([]uuid.UUID{}, "_uuid")
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	return pool, nil
}

// Ping reports whether the database answers within the context's deadline.
func Ping(pool *pgxpool.Pool) func(context.Context) error {
	return func(ctx context.Context) error { return translate(pool.Ping(ctx)) }
}

// translate gives an error of the driver the kind that callers branch on.
func translate(err error) error {
	if err == nil || fault.KindOf(err) != fault.Internal {
		return err
	}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		if isPassing(server.Code) {
			return away(err)
		}
		return err
	}
	var network net.Error
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) ||
		pgconn.SafeToRetry(err) || isCut(err) {
		return away(err)
	}
	return err
}

// isPassing reports whether the server's SQLSTATE says that the same request
// may succeed later.
func isPassing(code string) bool {
	switch code {
	case "57014", // query_canceled: statement_timeout
		"55P03",          // lock_not_available: lock_timeout
		"40001", "40P01", // serialization_failure, deadlock_detected
		"57P01", "57P02", "57P03", // shutting down, crashed, starting up
		"25P03", "25P04": // idle_in_transaction and transaction timeouts
		return true
	}
	return len(code) == 5 && (code[:2] == "08" || code[:2] == "53") // connection, resources
}

func isCut(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		err.Error() == "conn closed" || err.Error() == "closed pool"
}

func away(cause error) error {
	f := fault.New(fault.Unavailable, "the database cannot be reached right now: try again in a moment")
	f.RetryAfter = time.Second
	return f.Because(cause)
}

// rawJSON is encoded JSON: the driver sends it as such, and not as bytes,
// whether it knows the column's type or not.
type rawJSON = json.RawMessage
