-- Conversations are listed, and what the assistant said is shown again with
-- what it did.

alter table chat.messages add column reply jsonb; -- of the assistant: the whole answer

create index conversations_by_activity on chat.conversations (account_id, updated_at desc, id desc);

---- create above / drop below ----

drop index chat.conversations_by_activity;
alter table chat.messages drop column reply;
