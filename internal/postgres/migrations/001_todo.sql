-- The todo function's tables. They belong to whoever migrates; the function's
-- role may read and write rows, and append to changes, but alter nothing.

create extension if not exists pg_trgm;

create schema todo;

create table todo.accounts (
    id          uuid primary key,
    email       text not null unique check (char_length(email) between 3 and 254),
    name        text not null check (char_length(name) between 1 and 100),
    password    text not null, -- argon2id, as a PHC string
    time_zone   text not null check (timezone(time_zone, timestamptz 'epoch') is not null),
    seq         bigint not null default 0 check (seq >= 0),
    next_number integer not null default 1 check (next_number >= 1),
    created_at  timestamptz not null
) with (fillfactor = 50); -- every write bumps seq: leave room for HOT updates

create table todo.sessions (
    account_id uuid not null references todo.accounts on delete cascade,
    id         uuid not null,
    generation integer not null default 1,
    rotated_at timestamptz not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    user_agent text not null default '',
    primary key (account_id, id)
);

create table todo.todos (
    account_id   uuid not null references todo.accounts on delete cascade,
    id           uuid not null,
    number       integer not null,
    title        text not null check (char_length(title) between 1 and 255),
    description  text not null default '' check (char_length(description) <= 10000),
    status       text not null check (status in ('pending', 'completed')),
    priority     text not null check (priority in ('low', 'medium', 'high')),
    due_on       date,
    due_at       timestamptz,
    tags         text[] not null default '{}' check (cardinality(tags) <= 20),
    version      bigint not null,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    completed_at timestamptz,
    primary key (account_id, id),
    unique (account_id, number),
    check (num_nonnulls(due_on, due_at) <= 1),
    check ((status = 'completed') = (completed_at is not null))
);

-- Append-only. A row is written only under the lock of its account's row, so
-- that the account is known to exist: a foreign key would check it once more
-- for each write.
create table todo.changes (
    account_id uuid not null,
    seq        bigint not null,
    batch      bigint not null check (batch <= seq), -- the first seq of the request that made it
    kind       text not null check (kind in ('created', 'updated', 'completed', 'reopened', 'deleted', 'restored')),
    todo_id    uuid not null,
    number     integer not null,
    before     jsonb check ((before is null) = (kind in ('created', 'restored'))),
    after      jsonb check ((after is null) = (kind = 'deleted')),
    at         timestamptz not null,
    primary key (account_id, seq)
);

-- What an Idempotency-Key did. A request that changed nothing has
-- first_seq = last_seq + 1.
create table todo.requests (
    account_id uuid not null,
    key        text not null check (char_length(key) between 1 and 255),
    hash       bytea not null,
    todo_ids   uuid[] not null,
    first_seq  bigint not null,
    last_seq   bigint not null,
    at         timestamptz not null,
    primary key (account_id, key)
);

grant usage on schema todo to todo;
grant select, insert, update, delete on todo.accounts, todo.sessions, todo.todos to todo;
grant select, insert on todo.changes to todo;
grant select, insert, delete on todo.requests to todo;

---- create above / drop below ----

drop schema todo cascade;
