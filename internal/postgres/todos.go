package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"github.com/todochat/todochat/internal/account"
	"github.com/todochat/todochat/internal/fault"
	"github.com/todochat/todochat/internal/todo"
)

const (
	todoColumns = `id, number, title, description, status, priority, due_on, due_at, tags,
		version, created_at, updated_at, completed_at`

	selectTodos = `select ` + todoColumns + ` from todos where account_id = $1`

	selectChanges = `
		select seq, batch, kind, todo_id, number, before, after, at
		from changes where account_id = $1`
)

func scanTodo(row pgx.CollectableRow) (todo.Todo, error) {
	var t todo.Todo
	return t, scanTodoInto(row, &t)
}

func scanTodoInto(row pgx.CollectableRow, t *todo.Todo, more ...any) error {
	var dueOn, dueAt *time.Time
	columns := []any{
		&t.ID, &t.Number, &t.Title, &t.Description, &t.Status, &t.Priority, &dueOn, &dueAt, &t.Tags,
		&t.Version, &t.CreatedAt, &t.UpdatedAt, &t.CompletedAt,
	}
	if err := row.Scan(append(columns, more...)...); err != nil {
		return err
	}
	if dueOn != nil {
		t.Due.On = dueOn.UTC()
	}
	if dueAt != nil {
		t.Due.At = dueAt.UTC()
	}
	t.CreatedAt, t.UpdatedAt = t.CreatedAt.UTC(), t.UpdatedAt.UTC()
	if t.CompletedAt != nil {
		*t.CompletedAt = t.CompletedAt.UTC()
	}
	return nil
}

func scanChange(row pgx.CollectableRow) (todo.Change, error) {
	var c todo.Change
	var before, after []byte
	if err := row.Scan(&c.Seq, &c.Batch, &c.Kind, &c.TodoID, &c.Number, &before, &after, &c.At); err != nil {
		return todo.Change{}, err
	}
	c.At = c.At.UTC()
	var err error
	if c.Before, err = decode(before); err != nil {
		return todo.Change{}, err
	}
	if c.After, err = decode(after); err != nil {
		return todo.Change{}, err
	}
	return c, nil
}

func decode(b []byte) (*todo.Todo, error) {
	if b == nil {
		return nil, nil
	}
	var t todo.Todo
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("decode todo: %w", err)
	}
	return &t, nil
}

// read sends the queries that queue adds, in one round trip with the check
// that the session lives.
func (s *Store) read(ctx context.Context, who account.Principal, queue func(*pgx.Batch)) error {
	b := &pgx.Batch{}
	queueSessionCheck(b, who, s.now())
	queue(b)
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	return translate(s.pool.SendBatch(ctx, b).Close())
}

// Todo returns the account's todo, or fault.NotFound, whoever else may own it.
func (s *Store) Todo(ctx context.Context, who account.Principal, ref todo.Ref) (todo.Todo, error) {
	var t todo.Todo
	query, named := selectTodos+` and id = $2`, any(ref.ID)
	if ref.Number != 0 {
		query, named = selectTodos+` and number = $2`, ref.Number
	}
	err := s.read(ctx, who, func(b *pgx.Batch) {
		b.Queue(query, who.Account, named).Query(func(rows pgx.Rows) (err error) {
			t, err = pgx.CollectExactlyOneRow(rows, scanTodo)
			return err
		})
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return todo.Todo{}, fault.New(fault.NotFound, "there is no such todo")
	}
	if err != nil {
		return todo.Todo{}, fmt.Errorf("todo %s: %w", ref, err)
	}
	return t, nil
}

// Changes returns up to limit of the account's changes after since, in order,
// the account's last seq, and whether there are more.
func (s *Store) Changes(ctx context.Context, who account.Principal, since int64, limit int) (changes []todo.Change, seq int64, more bool, err error) {
	err = s.read(ctx, who, func(b *pgx.Batch) {
		queueSeq(b, who, &seq)
		b.Queue(selectChanges+` and seq > $2 order by seq limit $3`, who.Account, since, limit+1).Query(func(rows pgx.Rows) (err error) {
			changes, err = pgx.CollectRows(rows, scanChange)
			return err
		})
	})
	if err != nil {
		return nil, 0, false, fmt.Errorf("changes since %d: %w", since, err)
	}
	if len(changes) > limit {
		changes, more = changes[:limit], true
	}
	// The changes were read after the seq: a later one may be among them.
	if n := len(changes); n > 0 {
		seq = max(seq, changes[n-1].Seq)
	}
	return changes, seq, more, nil
}

func queueSeq(b *pgx.Batch, who account.Principal, seq *int64) {
	b.Queue(`select seq from accounts where id = $1`, who.Account).QueryRow(func(row pgx.Row) error {
		return row.Scan(seq)
	})
}

// Todos returns a page of the account's todos. Its seq was read first: a
// client that follows the changes after it misses none.
func (s *Store) Todos(ctx context.Context, who account.Principal, q todo.Query) (todo.Page, error) {
	var page todo.Page
	count, list := newListing(who, q, s.now()).statements()
	err := s.read(ctx, who, func(b *pgx.Batch) {
		queueSeq(b, who, &page.Seq)
		b.Queue(count.sql, count.args...).QueryRow(func(row pgx.Row) error { return row.Scan(&page.Total) })
		b.Queue(list.sql, list.args...).Query(func(rows pgx.Rows) error {
			var due *time.Time
			for rows.Next() {
				if len(page.Todos) == q.Limit { // one more than asked for: there is a next page
					page.Next = cursorAfter(q, page.Todos[q.Limit-1], due)
					continue
				}
				var t todo.Todo
				if err := scanTodoInto(rows, &t, &due); err != nil {
					return err
				}
				page.Todos = append(page.Todos, t)
			}
			return rows.Err()
		})
	})
	if err != nil {
		return todo.Page{}, fmt.Errorf("list todos: %w", err)
	}
	return page, nil
}

func cursorAfter(q todo.Query, last todo.Todo, due *time.Time) todo.Cursor {
	c := todo.Cursor{Sort: q.Sort, Ascending: q.Ascending, Number: last.Number}
	switch q.Sort {
	case todo.SortTitle:
		c.Title = last.Title
	case todo.SortPriority:
		c.Priority = last.Priority
	case todo.SortDue:
		if due != nil {
			at := due.UnixMicro()
			c.Due = &at
		}
	}
	return c
}

// statement is SQL with its arguments, built piece by piece.
type statement struct {
	sql  string
	args []any
}

func (s *statement) arg(v any) string {
	s.args = append(s.args, v)
	return "$" + strconv.Itoa(len(s.args))
}

func (s *statement) and(parts ...string) { s.sql += " and " + strings.Join(parts, "") }

// listing builds the statements of a list. $1 is the account.
type listing struct {
	q     todo.Query
	now   time.Time
	where statement
}

const (
	zone = `(select time_zone from accounts where id = $1)`

	// dueEnd is when a todo becomes overdue: a day counts until it has ended
	// in the account's time zone.
	dueEnd = `coalesce(due_at, (due_on + 1)::timestamp at time zone ` + zone + `)`

	// dueDay is the day that a todo is due on, in the account's time zone.
	dueDay = `coalesce(due_on, (due_at at time zone ` + zone + `)::date)`

	priorityRank = `array_position(array['low', 'medium', 'high'], priority)`
	titleOrder   = `title collate "und-x-icu"` // the order people expect, in any language

	// typos says how alike the words looked for and a part of the title must
	// be, from 0 to 1 (pg_trgm's word_similarity).
	typos = `0.5`
)

func newListing(who account.Principal, q todo.Query, now time.Time) *listing {
	l := &listing{q: q, now: now}
	l.where.arg(who.Account)
	l.where.sql = ` from todos where account_id = $1`
	l.filter()
	return l
}

func (l *listing) filter() {
	w, q := &l.where, l.q
	if q.Status != "" {
		w.and(`status = `, w.arg(string(q.Status)))
	}
	if q.Priority != "" {
		w.and(`priority = `, w.arg(string(q.Priority)))
	}
	if q.Tag != "" {
		w.and(w.arg(q.Tag), ` = any(tags)`)
	}
	if q.Search != "" {
		words, pattern := w.arg(q.Search), w.arg("%"+escapeLike.Replace(q.Search)+"%")
		w.and(`(title ilike `, pattern, ` or description ilike `, pattern,
			` or exists (select from unnest(tags) tag where tag ilike `, pattern, `)`,
			` or word_similarity(`, words, `, title) >= `+typos+`)`)
	}
	switch q.Due {
	case todo.DueOverdue:
		w.and(`status = 'pending' and `+dueEnd+` <= `, w.arg(l.now))
	case todo.DueToday:
		w.and(dueDay, ` = `, l.today())
	case todo.DueUpcoming:
		w.and(dueDay, ` > `, l.today())
	case todo.DueNone:
		w.and(`num_nonnulls(due_on, due_at) = 0`)
	}
	switch {
	case !q.DueBefore.On.IsZero():
		w.and(dueDay, ` < `, w.arg(q.DueBefore.On), `::date`)
	case !q.DueBefore.At.IsZero():
		w.and(dueEnd, ` < `, w.arg(q.DueBefore.At))
	}
	switch {
	case !q.DueAfter.On.IsZero():
		w.and(dueDay, ` > `, w.arg(q.DueAfter.On), `::date`)
	case !q.DueAfter.At.IsZero():
		w.and(dueEnd, ` > `, w.arg(q.DueAfter.At))
	}
}

var escapeLike = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func (l *listing) today() string {
	return `(` + l.where.arg(l.now) + `::timestamptz at time zone ` + zone + `)::date`
}

func (l *listing) statements() (count, list statement) {
	count = statement{`select count(*)` + l.where.sql, l.where.args}

	list = statement{l.where.sql, append([]any(nil), l.where.args...)}
	due := `null::timestamptz`
	direction, after := ` desc`, ` < `
	if l.q.Ascending {
		direction, after = ` asc`, ` > `
	}
	c := l.q.Cursor
	var order string
	switch l.q.Sort {
	case todo.SortDue:
		due = dueEnd
		order = dueEnd + direction + ` nulls last, number` + direction
		switch {
		case c.IsZero():
		case c.Due == nil:
			list.and(dueEnd, ` is null and number`, after, list.arg(c.Number))
		default:
			at := list.arg(time.UnixMicro(*c.Due)) + `::timestamptz`
			list.and(`(`+dueEnd+` is null or (`+dueEnd+`, number)`, after, `(`, at, `, `, list.arg(c.Number), `))`)
		}
	case todo.SortPriority:
		order = priorityRank + direction + `, number` + direction
		if !c.IsZero() {
			rank := `array_position(array['low', 'medium', 'high'], ` + list.arg(string(c.Priority)) + `::text)`
			list.and(`(`+priorityRank+`, number)`, after, `(`, rank, `, `, list.arg(c.Number), `)`)
		}
	case todo.SortTitle:
		order = titleOrder + direction + `, number` + direction
		if !c.IsZero() {
			list.and(`(`+titleOrder+`, number)`, after, `(`, list.arg(c.Title), `::text collate "und-x-icu", `, list.arg(c.Number), `)`)
		}
	default:
		order = `number` + direction // numbers are given in the order of creation
		if !c.IsZero() {
			list.and(`number`, after, list.arg(c.Number))
		}
	}
	list.sql = `select ` + todoColumns + `, ` + due + list.sql + ` order by ` + order + ` limit ` + list.arg(l.q.Limit+1)
	return count, list
}
