package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/todo"
)

// How many changes one look brings: of one account, and in all.
const (
	newsOfOne  = 50
	newsAtOnce = 500
)

// News is what has happened to accounts since somebody looked last.
type News struct {
	Changes map[uuid.UUID][]todo.Change // of each account, in order
	More    bool                        // look again: not all was brought
	Lost    []uuid.UUID                 // accounts of which the database knows less than was known
	Ended   map[uuid.UUID]bool          // sessions that no longer live
}

// News returns, in one round trip, the changes of each account after the seq
// that is known of it, and which of the sessions have ended. It brings a part
// when there is very much: what it did not bring comes with the next look.
func (s *Store) News(ctx context.Context, known map[uuid.UUID]int64, sessions []account.Principal) (News, error) {
	// Lateral, so that each account's changes are looked up by the key: a plain
	// join may read the whole table where no plan is kept.
	const selectNews = `
		select c.account_id, c.seq, c.batch, c.kind, c.todo_id, c.number, c.before, c.after, c.at
		from unnest($1::uuid[], $2::bigint[]) as known (account_id, seq)
		cross join lateral (
			select * from changes
			where account_id = known.account_id and seq > known.seq order by seq limit $3) c
		limit $4`
	const selectLost = `
		select known.account_id from unnest($1::uuid[], $2::bigint[]) as known (account_id, seq)
		join accounts a on a.id = known.account_id where a.seq < known.seq`
	const selectEnded = `
		select open.id from unnest($1::uuid[], $2::uuid[]) as open (account_id, id)
		where not exists (select from sessions s where s.account_id = open.account_id and s.id = open.id
			and s.revoked_at is null and s.expires_at > $3)`
	news := News{Changes: make(map[uuid.UUID][]todo.Change), Ended: make(map[uuid.UUID]bool)}
	var accounts, owners, ids []uuid.UUID
	var seqs []int64
	for account, seq := range known { // in no order, so that none is last each time
		accounts, seqs = append(accounts, account), append(seqs, seq)
	}
	for _, who := range sessions {
		owners, ids = append(owners, who.Account), append(ids, who.Session)
	}
	b := &pgx.Batch{}
	b.Queue(selectLost, accounts, seqs).Query(func(rows pgx.Rows) (err error) {
		news.Lost, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	b.Queue(selectNews, accounts, seqs, newsOfOne, newsAtOnce).Query(func(rows pgx.Rows) error {
		brought := 0
		for rows.Next() {
			var account uuid.UUID
			c, err := scanChange(after{rows, &account})
			if err != nil {
				return err
			}
			news.Changes[account] = append(news.Changes[account], c)
			brought++
			news.More = news.More || len(news.Changes[account]) == newsOfOne || brought == newsAtOnce
		}
		for _, changes := range news.Changes {
			slices.SortFunc(changes, func(a, b todo.Change) int { return cmp.Compare(a.Seq, b.Seq) })
		}
		return rows.Err()
	})
	b.Queue(selectEnded, owners, ids, s.now()).Query(func(rows pgx.Rows) error {
		ended, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		for _, id := range ended {
			news.Ended[id] = true
		}
		return err
	})
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return News{}, fmt.Errorf("look for news: %w", translate(err))
	}
	return news, nil
}

// after is a row whose first column goes to first, and the rest to whoever
// scans it.
type after struct {
	pgx.CollectableRow
	first any
}

func (r after) Scan(columns ...any) error {
	return r.CollectableRow.Scan(append([]any{r.first}, columns...)...)
}
