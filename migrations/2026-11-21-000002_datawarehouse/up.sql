-- The warehouse: one dimension and one fact table. A further table is a further migration and a
-- few lines in hayloft.toml.

create schema datawarehouse;

-- For uuid columns in exclusion constraints. A trusted extension: no superuser is needed.
create extension if not exists btree_gist;

create table datawarehouse.users (
    id                   bigint generated always as identity,
    user_id              uuid not null,
    name                 text not null,
    email                text not null,
    date_of_birth        date not null,
    effective_start_date timestamptz not null,
    effective_end_date   timestamptz,
    is_current           boolean generated always as (effective_end_date is null) stored,
    version_number       integer not null,
    load_id              bigint not null,
    source_line          bigint not null,

    -- Every unique, primary and exclusion key contains user_id, so that the table can be
    -- distributed by it.
    primary key (user_id, effective_start_date),
    constraint users_interval check (effective_end_date > effective_start_date),
    -- Closed versions only: checking the open rows too makes a first load three times as slow,
    -- and they cannot overlap: each starts at or after the last closed end, and is the only one.
    constraint users_no_overlap exclude using gist (
        user_id with =,
        tstzrange(effective_start_date, effective_end_date) with &&
    ) where (effective_end_date is not null)
);

create unique index users_current on datawarehouse.users (user_id) where effective_end_date is null;

create table datawarehouse.transactions (
    id               bigint primary key,
    user_id          uuid not null,
    amount           numeric(12, 2) not null,
    transaction_date date not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    load_id          bigint not null,
    source_line      bigint not null
);

create index transactions_user on datawarehouse.transactions (user_id);
