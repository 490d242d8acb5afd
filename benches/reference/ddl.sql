-- The dimension of the hand-written loads: honest types, a small primary key, and the one index
-- that makes "one current row a key" a fact of the database. Less than what Hayloft keeps.

create table users (
    id                   bigint generated always as identity primary key,
    user_id              uuid not null,
    name                 text not null,
    email                text not null,
    date_of_birth        date not null,
    effective_start_date timestamptz not null,
    effective_end_date   timestamptz,
    is_current           boolean not null default true,
    version_number       integer not null default 1
);

create unique index users_current on users (user_id) where is_current;
