package migrations

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Pruned says how many rows of a table were deleted.
type Pruned struct {
	Table string
	Rows  int64
}

// KeyLife is how long an Idempotency-Key and a message id are remembered.
const KeyLife = 7 * 24 * time.Hour

// prunes are the deletions; $1 is the moment before which rows go. What has
// ended is kept for a day.
var prunes = []struct {
	table, statement string
	keep             time.Duration
}{
	{"todo.sessions", `delete from todo.sessions where least(revoked_at, expires_at) < $1`, 24 * time.Hour},
	{"todo.requests", `delete from todo.requests where at < $1`, KeyLife},
	{"chat.turns", `delete from chat.turns where at < $1`, KeyLife},
	{"chat.proposals", `delete from chat.proposals where expires_at < $1`, 24 * time.Hour},
}

// Prune deletes sessions and proposals that are over, and keys that are old.
func Prune(ctx context.Context, ownerURL string, now time.Time) ([]Pruned, error) {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return nil, fmt.Errorf("connect to prune: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var pruned []Pruned
	for _, p := range prunes {
		tag, err := conn.Exec(ctx, p.statement, now.Add(-p.keep))
		if err != nil {
			return pruned, fmt.Errorf("prune %s: %w", p.table, err)
		}
		pruned = append(pruned, Pruned{p.table, tag.RowsAffected()})
	}
	return pruned, nil
}
