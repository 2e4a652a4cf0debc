-- How far each account's changes have been sent on as events. An account that
-- has no row begins at its first change.

create table todo.relays (
    account_id   uuid primary key references todo.accounts on delete cascade,
    seq          bigint not null check (seq >= 0), -- of the last change that arrived
    leased_until timestamptz                       -- somebody is sending until then; also who: it is never the same twice
) with (fillfactor = 50);

-- When events were first sent at all.
create table todo.relay_start (
    one boolean primary key default true check (one),
    at  timestamptz not null
);

grant select, insert, update on todo.relays, todo.relay_start to todo;

---- create above / drop below ----

drop table todo.relay_start;
drop table todo.relays;
