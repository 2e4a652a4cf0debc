-- The chat function's tables. It has no access to todo's.

create schema chat;

create table chat.conversations (
    account_id uuid not null,
    id         uuid not null,
    title      text not null default '' check (char_length(title) <= 200),
    context    jsonb not null default '{}', -- what "it", "the second one" and "undo" mean here
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (account_id, id)
);

create table chat.messages (
    account_id      uuid not null,
    conversation_id uuid not null,
    id              uuid not null, -- version 7: in the order of time
    role            text not null check (role in ('user', 'assistant')),
    text            text not null,
    at              timestamptz not null,
    primary key (account_id, conversation_id, id),
    foreign key (account_id, conversation_id) references chat.conversations on delete cascade
);

-- What a message id stands for: stored before acting, so that a retried
-- message does what it first resolved to, and says what it first said.
create table chat.turns (
    account_id      uuid not null,
    message_id      text not null check (char_length(message_id) between 1 and 255),
    hash            bytea not null,
    conversation_id uuid not null,
    plan            jsonb not null,
    reply           jsonb, -- null until it has been carried out
    at              timestamptz not null,
    primary key (account_id, message_id)
);

create table chat.proposals (
    account_id      uuid not null,
    id              uuid not null,
    conversation_id uuid not null,
    operations      jsonb not null,
    expires_at      timestamptz not null,
    used_at         timestamptz,
    primary key (account_id, id),
    foreign key (account_id, conversation_id) references chat.conversations on delete cascade
);

grant usage on schema chat to chat;
grant select, insert, update, delete on all tables in schema chat to chat;

---- create above / drop below ----

drop schema chat cascade;
