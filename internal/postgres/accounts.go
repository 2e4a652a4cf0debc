package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
)

const (
	insertAccount = `
		insert into accounts (id, email, name, password, time_zone, created_at)
		values ($1, $2, $3, $4, $5, $6)`

	insertSession = `
		insert into sessions (account_id, id, generation, rotated_at, created_at, expires_at, user_agent)
		values ($1, $2, $3, $4, $4, $5, $6)`
)

// Register creates the account with its first session, or returns
// fault.Conflict when the e-mail address is taken.
func (s *Store) Register(ctx context.Context, a account.Account, passwordHash string, session account.Session) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		b.Queue(insertAccount, a.ID, a.Email, a.Name, passwordHash, a.TimeZone, a.CreatedAt)
		queueSession(b, session)
		return tx.SendBatch(ctx, b).Close()
	})
	var server *pgconn.PgError
	if errors.As(err, &server) && server.ConstraintName == "accounts_email_key" {
		return fault.New(fault.Conflict, "this e-mail address has an account already: sign in instead").Because(err)
	}
	if err != nil {
		return fmt.Errorf("register: %w", translate(unknownZone(err)))
	}
	return nil
}

// unknownZone speaks for a database whose list of time zones lacks one of ours.
func unknownZone(err error) error {
	var server *pgconn.PgError
	if errors.As(err, &server) && server.Code == "22023" { // invalid_parameter_value, from timezone()
		return fault.InvalidField("time_zone", "the database does not know this time zone").Because(err)
	}
	return err
}

func queueSession(b *pgx.Batch, session account.Session) {
	b.Queue(insertSession, session.Account, session.ID, session.Generation, session.RotatedAt, session.ExpiresAt, session.UserAgent)
}

// Credentials returns the account of an e-mail address with its password
// hash; both are zero when there is none.
func (s *Store) Credentials(ctx context.Context, email string) (a account.Account, passwordHash string, err error) {
	const query = `select id, email, name, time_zone, created_at, password from accounts where email = $1`
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	err = s.pool.QueryRow(ctx, query, email).Scan(&a.ID, &a.Email, &a.Name, &a.TimeZone, &a.CreatedAt, &passwordHash)
	if errors.Is(err, pgx.ErrNoRows) {
		return account.Account{}, "", nil
	}
	if err != nil {
		return account.Account{}, "", fmt.Errorf("read credentials: %w", translate(err))
	}
	a.CreatedAt = a.CreatedAt.UTC()
	return a, passwordHash, nil
}

// Begin stores a new session.
func (s *Store) Begin(ctx context.Context, session account.Session) error {
	b := &pgx.Batch{}
	queueSession(b, session)
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("begin session: %w", translate(err))
	}
	return nil
}

// RefreshGrace is how long the refresh token that was just rotated still
// yields its successor: for two tabs, and for a reply that was lost.
const RefreshGrace = 30 * time.Second

// Refresh moves the session from generation to the next one and returns it.
// The generation just before yields the same successor again within
// RefreshGrace; an older one revokes the session, since two parties hold its
// tokens. All that is not granted is fault.Unauthenticated.
func (s *Store) Refresh(ctx context.Context, who account.Principal, generation int) (account.Session, error) {
	const rotate = `
		update sessions set generation = generation + 1, rotated_at = $4, expires_at = $5
		where account_id = $1 and id = $2 and generation = $3 and revoked_at is null and expires_at > $6
		returning generation, rotated_at, expires_at`
	const read = `
		select generation, rotated_at, expires_at, revoked_at is null and expires_at > $3
		from sessions where account_id = $1 and id = $2`
	now := s.now()
	next := account.NewSession(who.Account, who.Session, "", now)
	scan := func(row pgx.Row, more ...any) error {
		err := row.Scan(append([]any{&next.Generation, &next.RotatedAt, &next.ExpiresAt}, more...)...)
		next.RotatedAt, next.ExpiresAt = next.RotatedAt.UTC(), next.ExpiresAt.UTC()
		return err
	}
	err := scan(s.pool.QueryRow(ctx, rotate, who.Account, who.Session, generation, next.RotatedAt, next.ExpiresAt, now))
	if err == nil {
		return next, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return account.Session{}, fmt.Errorf("rotate session: %w", translate(err))
	}
	var live bool
	err = scan(s.pool.QueryRow(ctx, read, who.Account, who.Session, now), &live)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && !live:
		return account.Session{}, orSignedOut(pgx.ErrNoRows)
	case err != nil:
		return account.Session{}, fmt.Errorf("read session: %w", translate(err))
	case generation == next.Generation-1 && now.Before(next.RotatedAt.Add(RefreshGrace)):
		return next, nil
	case generation < next.Generation:
		if err := s.End(ctx, who); err != nil {
			return account.Session{}, err
		}
	}
	return account.Session{}, fault.New(fault.Unauthenticated, "this refresh token is not the current one: sign in again")
}

// End revokes the session: its tokens are refused from now on. Ending twice
// is no error.
func (s *Store) End(ctx context.Context, who account.Principal) error {
	const revoke = `update sessions set revoked_at = $3 where account_id = $1 and id = $2 and revoked_at is null`
	if _, err := s.pool.Exec(ctx, revoke, who.Account, who.Session, s.now()); err != nil {
		return fmt.Errorf("end session: %w", translate(err))
	}
	return nil
}

// Account returns the account with its counts.
func (s *Store) Account(ctx context.Context, who account.Principal) (a account.Account, c account.Counts, err error) {
	const selectAccount = `select id, email, name, time_zone, created_at from accounts where id = $1`
	const selectCounts = `
		select count(*), count(*) filter (where status = 'pending'), count(*) filter (where status = 'completed'),
			count(*) filter (where status = 'pending' and ` + dueEnd + ` <= $2)
		from todos where account_id = $1`
	err = s.read(ctx, who, func(b *pgx.Batch) {
		b.Queue(selectAccount, who.Account).QueryRow(func(row pgx.Row) error {
			err := row.Scan(&a.ID, &a.Email, &a.Name, &a.TimeZone, &a.CreatedAt)
			a.CreatedAt = a.CreatedAt.UTC()
			return err
		})
		b.Queue(selectCounts, who.Account, s.now()).QueryRow(func(row pgx.Row) error {
			return row.Scan(&c.Total, &c.Pending, &c.Completed, &c.Overdue)
		})
	})
	if err != nil {
		return account.Account{}, account.Counts{}, fmt.Errorf("read account: %w", err)
	}
	return a, c, nil
}

// SetProfile stores another name or time zone, or both, of the principal's
// account; nil leaves one as it is.
func (s *Store) SetProfile(ctx context.Context, who account.Principal, name, timeZone *string) error {
	const update = `
		update accounts set name = coalesce($4, name), time_zone = coalesce($5, time_zone)
		where id = $1 and exists (` + sessionIsLive + `)`
	err := s.read(ctx, who, func(b *pgx.Batch) {
		b.Queue(update, who.Account, who.Session, s.now(), name, timeZone)
	})
	if err != nil {
		return fmt.Errorf("store profile: %w", unknownZone(err))
	}
	return nil
}
