package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/internal/todo"
)

// Lease is the right to send an account's changes, for a while.
type Lease struct {
	Account uuid.UUID
	Seq     int64 // of the last change that arrived
	until   time.Time
}

// LeaseLife is how long a lease lasts unless it is renewed: what a killed relay
// was about waits that long. What takes longer may be sent by somebody else as well.
const LeaseLife = 20 * time.Second

// StartRelays notes, the first time that it is called for a database, that
// changes are sent from now on: those that are there count as sent, unless they
// are to be sent from the beginning.
func (s *Store) StartRelays(ctx context.Context, fromBeginning bool) error {
	const start = `insert into relay_start (at) values ($1) on conflict do nothing`
	const skip = `
		insert into relays (account_id, seq) select id, seq from accounts where seq > 0
		on conflict do nothing`
	// Once, over all accounts: it may take longer than anything else.
	const patience = `set local statement_timeout = '5min'`
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, patience); err != nil {
			return err
		}
		first, err := tx.Exec(ctx, start, s.now())
		if err != nil || first.RowsAffected() == 0 || fromBeginning {
			return err
		}
		_, err = tx.Exec(ctx, skip)
		return err
	})
	if err != nil {
		return fmt.Errorf("start relays: %w", translate(err))
	}
	return nil
}

// Owed returns up to limit accounts that have changes to be sent, and that
// nobody is sending right now: those after an id, in the order of ids.
func (s *Store) Owed(ctx context.Context, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	const query = `
		select a.id from accounts a left join relays r on r.account_id = a.id
		where a.id > $1 and a.seq > coalesce(r.seq, 0) and coalesce(r.leased_until <= clock_timestamp(), true)
		order by a.id limit $2`
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	rows, err := s.pool.Query(ctx, query, after, limit)
	var owed []uuid.UUID
	if err == nil {
		owed, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	}
	if err != nil {
		return nil, fmt.Errorf("find what is to be sent: %w", translate(err))
	}
	return owed, nil
}

// Owing reports whether any account has changes to be sent, whoever may be
// sending them.
func (s *Store) Owing(ctx context.Context) (owing bool, err error) {
	const query = `
		select exists (select from accounts a left join relays r on r.account_id = a.id where a.seq > coalesce(r.seq, 0))`
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	if err := s.pool.QueryRow(ctx, query).Scan(&owing); err != nil {
		return false, fmt.Errorf("see whether something is to be sent: %w", translate(err))
	}
	return owing, nil
}

// Lease takes the right to send the account's changes, if nobody has it.
func (s *Store) Lease(ctx context.Context, account uuid.UUID) (lease Lease, ok bool, err error) {
	const query = `
		insert into relays as r (account_id, seq, leased_until) values ($1, 0, clock_timestamp() + $2)
		on conflict (account_id) do update set leased_until = excluded.leased_until
			where r.leased_until is null or r.leased_until <= clock_timestamp()
		returning seq, leased_until`
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	lease.Account = account
	err = s.pool.QueryRow(ctx, query, account, LeaseLife).Scan(&lease.Seq, &lease.until)
	if errors.Is(err, pgx.ErrNoRows) {
		return lease, false, nil
	}
	if err != nil {
		return lease, false, fmt.Errorf("lease: %w", translate(err))
	}
	return lease, true, nil
}

// Advance notes that the changes up to the lease's seq have arrived, and renews
// the lease. It reports false if the lease was lost meanwhile.
func (s *Store) Advance(ctx context.Context, lease *Lease) (ok bool, err error) {
	const query = `
		update relays set seq = greatest(seq, $2), leased_until = clock_timestamp() + $4
		where account_id = $1 and leased_until = $3 returning leased_until`
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	err = s.pool.QueryRow(ctx, query, lease.Account, lease.Seq, lease.until, LeaseLife).Scan(&lease.until)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("advance: %w", translate(err))
	}
	return true, nil
}

// Release notes how far the changes have arrived, and gives the lease back.
func (s *Store) Release(ctx context.Context, lease Lease) error {
	const query = `
		update relays set seq = greatest(seq, $2), leased_until = null
		where account_id = $1 and leased_until = $3`
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
	defer cancel()
	if _, err := s.pool.Exec(ctx, query, lease.Account, lease.Seq, lease.until); err != nil {
		return fmt.Errorf("release: %w", translate(err))
	}
	return nil
}

// Unsent returns up to limit changes after those that have arrived.
func (s *Store) Unsent(ctx context.Context, lease Lease, limit int) ([]todo.Change, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	rows, err := s.pool.Query(ctx, selectChanges+` and seq > $2 order by seq limit $3`, lease.Account, lease.Seq, limit)
	var changes []todo.Change
	if err == nil {
		changes, err = pgx.CollectRows(rows, scanChange)
	}
	if err != nil {
		return nil, fmt.Errorf("read what is to be sent: %w", translate(err))
	}
	return changes, nil
}
