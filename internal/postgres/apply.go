package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
)

// Store keeps accounts and their todos.
type Store struct {
	pool      *pgxpool.Pool
	now       func() time.Time
	committed func(uuid.UUID, []todo.Change)
}

// NewStore returns a Store over the pool that takes the time from now.
func NewStore(pool *pgxpool.Pool, now func() time.Time) *Store {
	return &Store{pool, asStored(now), func(uuid.UUID, []todo.Change) {}}
}

// OnCommit lets f hear of the changes that this store has committed, each
// request's together. Those of requests at the same time may come out of order.
// It must be called before the store is used, and f must be quick.
func (s *Store) OnCommit(f func(account uuid.UUID, changes []todo.Change)) { s.committed = f }

// asStored makes a clock tell moments as they come back from the database.
func asStored(now func() time.Time) func() time.Time {
	return func() time.Time { return now().UTC().Truncate(time.Microsecond) }
}

// Result is what a request did, or, when its key was known, what it did the
// first time.
type Result struct {
	Todos   []todo.Todo
	Changes []todo.Change
}

// commitTime bounds the second round trip of a write, which goes on when the
// client has hung up: a client must not decide halfway.
const commitTime = 10 * time.Second

// readTime bounds the wait for a connection and what is read by it: a database
// that hangs must not take the function with it.
const readTime = 8 * time.Second

// Apply carries out the operations: all of them, or none and an error. It is
// the one way to write todos. A key, if not empty, makes the request happen
// once: repeated with the same operations it answers what it did the first
// time; with others it is fault.KeyReused. Other errors are those of
// todo.Decide, fault.Unauthenticated for a session that has ended, and
// fault.Unavailable.
//
// It takes two round trips. The first locks the account's row, which holds
// until commit: an account's changes are gapless and become visible in order.
// The lock is a statement of its own and comes first, since under READ
// COMMITTED a statement that waits for a lock reads from a snapshot older than
// the lock.
func (s *Store) Apply(ctx context.Context, who account.Principal, key string, ops []todo.Op) (Result, error) {
	r := request{who: who, key: key, ops: ops, now: s.now()}
	var err error
	if r.fingerprint, err = todo.Fingerprint(ops); err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	result, wrote, err := s.carryOut(ctx, r)
	if wrote {
		s.committed(who.Account, result.Changes)
	}
	return result, err
}

// carryOut carries the request out on a connection of its own. wrote tells that
// changes were committed, and not answered from what a key did before.
func (s *Store) carryOut(ctx context.Context, r request) (_ Result, wrote bool, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return Result{}, false, translate(fmt.Errorf("acquire connection: %w", err))
	}
	defer conn.Release()
	result, repeated, err := r.run(ctx, conn.Conn())
	if err != nil {
		return Result{}, false, translate(fmt.Errorf("apply %d operations: %w", len(r.ops), err))
	}
	return result, !repeated && len(result.Changes) > 0, nil
}

// request is one call of Apply.
type request struct {
	who         account.Principal
	key         string
	fingerprint []byte
	ops         []todo.Op
	now         time.Time
}

// prior is what a key did before.
type prior struct {
	fingerprint       []byte
	todos             []uuid.UUID
	firstSeq, lastSeq int64
}

func (r request) run(ctx context.Context, conn *pgx.Conn) (_ Result, repeated bool, err error) {
	ended := false
	defer func() {
		if ended || conn.IsClosed() {
			return
		}
		// Without a rollback the pool would drop the connection.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
		defer cancel()
		if _, rollbackErr := conn.Exec(ctx, "rollback"); rollbackErr != nil {
			err = errors.Join(err, rollbackErr)
		}
	}()
	state, before, err := r.read(ctx, conn)
	if err != nil {
		return Result{}, false, err
	}
	if before != nil {
		result, err := r.repeat(ctx, conn, *before)
		ended = err == nil
		return result, true, err
	}
	decision, err := todo.Decide(state, r.ops, r.now)
	if err != nil {
		return Result{}, false, err
	}
	if len(decision.Changes) > 0 || r.key != "" {
		if err := r.write(ctx, conn, state, decision); err != nil {
			return Result{}, false, err
		}
		ended = true
	}
	return Result{decision.Todos, decision.Changes}, false, nil
}

const (
	lockAccount = `select seq, next_number from accounts where id = $1 for no key update`

	sessionIsLive = `
		select true from sessions
		where account_id = $1 and id = $2 and revoked_at is null and expires_at > $3`

	selectRequest = `
		select hash, todo_ids, first_seq, last_seq from requests
		where account_id = $1 and key = $2`

	selectNamed = selectTodos + ` and (id = any($2) or number = any($3))`

	// A request's changes are neighbours: it held the lock.
	undoneBatch = `
		select batch from changes where account_id = $1 and seq = $2`

	selectUndone = selectChanges + ` and batch = (` + undoneBatch + `)
		and seq >= (` + undoneBatch + `) and seq < (` + undoneBatch + `) + $3 order by seq`

	undoneTodos = `
		select todo_id from changes where account_id = $1 and batch = (` + undoneBatch + `)
		and seq >= (` + undoneBatch + `) and seq < (` + undoneBatch + `) + $3`

	selectUndoneTodos = selectTodos + ` and id in (` + undoneTodos + `)`

	selectLatest = `
		select distinct on (todo_id) seq, batch, kind, todo_id, number, before, after, at from changes
		where account_id = $1 and seq >= (` + undoneBatch + `) and todo_id in (` + undoneTodos + `)
		order by todo_id, seq desc`
)

// read is the first round trip: it begins the transaction, takes the lock and
// reads all that deciding needs. It returns what the request's key did before,
// if it is known.
func (r request) read(ctx context.Context, conn *pgx.Conn) (todo.State, *prior, error) {
	var state todo.State
	var before *prior
	b := &pgx.Batch{}
	b.Queue("begin")
	b.Queue(lockAccount, r.who.Account).QueryRow(func(row pgx.Row) error {
		return orNobody(row.Scan(&state.Seq, &state.NextNumber), r.who)
	})
	queueSessionCheck(b, r.who, r.now)
	if r.key != "" {
		b.Queue(selectRequest, r.who.Account, r.key).QueryRow(func(row pgx.Row) error {
			var p prior
			err := row.Scan(&p.fingerprint, &p.todos, &p.firstSeq, &p.lastSeq)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			before = &p
			return err
		})
	}
	takeTodos := func(rows pgx.Rows) (err error) {
		state.Todos, err = pgx.CollectRows(rows, scanTodo)
		return err
	}
	if ids, numbers := named(r.ops); len(ids)+len(numbers) > 0 {
		b.Queue(selectNamed, r.who.Account, ids, numbers).Query(takeTodos)
	}
	if undo, ok := r.ops[0].(todo.Undo); ok {
		b.Queue(selectUndone, r.who.Account, undo.Seq, todo.MaxOperations).Query(func(rows pgx.Rows) (err error) {
			state.Undone, err = pgx.CollectRows(rows, scanChange)
			return err
		})
		b.Queue(selectUndoneTodos, r.who.Account, undo.Seq, todo.MaxOperations).Query(takeTodos)
		b.Queue(selectLatest, r.who.Account, undo.Seq, todo.MaxOperations).Query(func(rows pgx.Rows) error {
			latest, err := pgx.CollectRows(rows, scanChange)
			state.Latest = make(map[uuid.UUID]todo.Change, len(latest))
			for _, c := range latest {
				state.Latest[c.TodoID] = c
			}
			return err
		})
	}
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return todo.State{}, nil, fmt.Errorf("read under the lock: %w", err)
	}
	return state, before, nil
}

func named(ops []todo.Op) (ids []uuid.UUID, numbers []int) {
	for _, op := range ops {
		switch ref, ok := todo.RefOf(op); {
		case !ok:
		case ref.Number != 0:
			numbers = append(numbers, ref.Number)
		default:
			ids = append(ids, ref.ID)
		}
	}
	return ids, numbers
}

const (
	insertTodo = `
		insert into todos (account_id, id, number, title, description, status, priority,
			due_on, due_at, tags, version, created_at, updated_at, completed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

	updateTodo = `
		update todos set title = $3, description = $4, status = $5, priority = $6,
			due_on = $7, due_at = $8, tags = $9, version = $10, updated_at = $11, completed_at = $12
		where account_id = $1 and id = $2`

	deleteTodo = `delete from todos where account_id = $1 and id = $2`

	insertChange = `
		insert into changes (account_id, seq, batch, kind, todo_id, number, before, after, at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

	insertRequest = `
		insert into requests (account_id, key, hash, todo_ids, first_seq, last_seq, at)
		values ($1, $2, $3, $4, $5, $6, $7)`

	advanceAccount = `update accounts set seq = $2, next_number = $3 where id = $1`
)

// write is the second round trip: it writes what was decided and commits.
func (r request) write(ctx context.Context, conn *pgx.Conn, state todo.State, d todo.Decision) error {
	b := &pgx.Batch{}
	r.queueTodos(b, d.Changes)
	for _, c := range d.Changes {
		before, err := encode(c.Before)
		if err != nil {
			return err
		}
		after, err := encode(c.After)
		if err != nil {
			return err
		}
		b.Queue(insertChange, r.who.Account, c.Seq, c.Batch, string(c.Kind), c.TodoID, c.Number, before, after, c.At)
	}
	if r.key != "" {
		ids := make([]uuid.UUID, len(d.Todos))
		for i, t := range d.Todos {
			ids[i] = t.ID
		}
		b.Queue(insertRequest, r.who.Account, r.key, r.fingerprint, ids, state.Seq+1, d.Seq, r.now)
	}
	if len(d.Changes) > 0 {
		b.Queue(advanceAccount, r.who.Account, d.Seq, d.NextNumber)
	}
	b.Queue("commit")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("write and commit: %w", err)
	}
	return nil
}

// queueTodos writes each todo once, however often the request changed it.
func (r request) queueTodos(b *pgx.Batch, changes []todo.Change) {
	type span struct{ before, after *todo.Todo }
	spans := make(map[uuid.UUID]*span, len(changes))
	var ids []uuid.UUID
	for _, c := range changes {
		if spans[c.TodoID] == nil {
			spans[c.TodoID] = &span{before: c.Before}
			ids = append(ids, c.TodoID)
		}
		spans[c.TodoID].after = c.After
	}
	for _, id := range ids {
		switch s := spans[id]; {
		case s.before == nil && s.after != nil:
			t := s.after
			b.Queue(insertTodo, r.who.Account, t.ID, t.Number, t.Title, t.Description, string(t.Status), string(t.Priority),
				orNull(t.Due.On), orNull(t.Due.At), t.Tags, t.Version, t.CreatedAt, t.UpdatedAt, t.CompletedAt)
		case s.before != nil && s.after != nil:
			t := s.after
			b.Queue(updateTodo, r.who.Account, t.ID, t.Title, t.Description, string(t.Status), string(t.Priority),
				orNull(t.Due.On), orNull(t.Due.At), t.Tags, t.Version, t.UpdatedAt, t.CompletedAt)
		case s.before != nil:
			b.Queue(deleteTodo, r.who.Account, id)
		}
	}
}

// selectAsOf finds the last change of each todo up to a seq, in one pass over
// the account's history.
const selectAsOf = `
	select distinct on (todo_id) seq, batch, kind, todo_id, number, before, after, at
	from changes where account_id = $1 and todo_id = any($2) and seq <= $3
	order by todo_id, seq desc`

// repeat answers a known key: each todo as it was when the key was first used.
// What was is not going to change, so the lock is given back first.
func (r request) repeat(ctx context.Context, conn *pgx.Conn, p prior) (Result, error) {
	if !bytes.Equal(p.fingerprint, r.fingerprint) {
		return Result{}, fault.New(fault.KeyReused, "this Idempotency-Key was used for another request: choose a new one")
	}
	var result Result
	b := &pgx.Batch{}
	b.Queue("rollback")
	b.Queue(selectAsOf, r.who.Account, p.todos, p.lastSeq).Query(func(rows pgx.Rows) error {
		changes, err := pgx.CollectRows(rows, scanChange)
		last := make(map[uuid.UUID]todo.Todo, len(changes))
		for _, c := range changes {
			last[c.TodoID] = c.Todo()
		}
		for _, id := range p.todos {
			result.Todos = append(result.Todos, last[id])
		}
		return err
	})
	b.Queue(selectChanges+` and seq between $2 and $3 order by seq`, r.who.Account, p.firstSeq, p.lastSeq).Query(func(rows pgx.Rows) (err error) {
		result.Changes, err = pgx.CollectRows(rows, scanChange)
		return err
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return Result{}, fmt.Errorf("read what the key did: %w", err)
	}
	return result, nil
}

func encode(t *todo.Todo) (rawJSON, error) {
	if t == nil {
		return nil, nil
	}
	b, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode todo: %w", err)
	}
	return b, nil
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// queueSessionCheck makes the batch fail unless the session lives. A sender has
// none: whom it may speak for was decided before.
func queueSessionCheck(b *pgx.Batch, who account.Principal, now time.Time) {
	if who.Sender != "" {
		return
	}
	b.Queue(sessionIsLive, who.Account, who.Session, now).QueryRow(func(row pgx.Row) error {
		var live bool
		return orSignedOut(row.Scan(&live))
	})
}

// orNobody says that the account is not there, to whoever asks for it.
func orNobody(err error, who account.Principal) error {
	if who.Sender != "" && errors.Is(err, pgx.ErrNoRows) {
		return fault.InvalidField("data.account", "there is no such account")
	}
	return orSignedOut(err)
}

func orSignedOut(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.New(fault.Unauthenticated, "this session has ended: sign in again")
	}
	return err
}
