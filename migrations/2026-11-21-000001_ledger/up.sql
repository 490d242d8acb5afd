-- The ledger: what Hayloft remembers of every load. Written by Hayloft, read by everyone.

create schema hayloft;

create table hayloft.load (
    load_id         bigint generated always as identity primary key,
    -- Made when the file is claimed. The insert of this row is the first statement of a load's
    -- transaction: a second loader of the same claim waits on this index, then finds it taken.
    claim_id        uuid not null unique,
    parent_load_id  bigint references hayloft.load,
    table_name      text not null,
    file_name       text not null,
    file_bytes      bigint not null,
    file_sha256     bytea not null,
    -- The header as the file spells it, so that rejects can be exported below it.
    header          text,
    status          text not null check (status in ('loading', 'loaded', 'skipped', 'failed')),
    -- Why it was skipped, or failed: the sentence that was said. It never holds a value of a row.
    reason          text,
    -- The instant at which what the file says holds. NULL unless loaded.
    effective_at    timestamptz,
    started_at      timestamptz not null default clock_timestamp(),
    rows_read       bigint not null default 0,
    rows_accepted   bigint not null default 0,
    rows_rejected   bigint not null default 0,
    rows_duplicate  bigint not null default 0,
    rows_held       bigint not null default 0,
    keys_inserted    bigint not null default 0,
    keys_updated     bigint not null default 0,
    keys_deactivated bigint not null default 0,
    keys_unchanged   bigint not null default 0,
    -- Facts of earlier loads that were held, and that this load's dimension rows let in.
    facts_released  bigint not null default 0,
    seconds_total   double precision not null default 0,
    seconds_stage   double precision not null default 0,
    seconds_merge   double precision not null default 0,
    constraint load_rows_add_up check (rows_read = rows_accepted + rows_rejected + rows_duplicate)
);

-- "The latest load of this table" and "was this file loaded before" are asked by every load.
create index load_latest on hayloft.load (table_name, load_id desc) where status = 'loaded';
create index load_instant on hayloft.load (table_name, effective_at desc) where status = 'loaded';
create index load_content on hayloft.load (table_name, file_sha256) where status = 'loaded';

create table hayloft.reject (
    reject_id      bigint generated always as identity primary key,
    load_id        bigint not null references hayloft.load,
    line           bigint not null,
    byte_offset    bigint not null,
    column_number  integer,
    column_name    text,
    kind           text not null,
    severity       text not null check (severity in ('error', 'warning')),
    message        text not null,
    -- The row that won, where this one lost against another row of its file.
    winner_line    bigint,
    -- The row as it stands in the file; as bytes only where they are no text.
    original       text,
    original_bytes bytea,
    status         text not null default 'open' check (status in ('open', 'replayed', 'dismissed'))
);

create index reject_load on hayloft.reject (load_id, line);

-- Which keys each load's file spoke of, also those that changed nothing: it decides what is late.
create table hayloft.manifest (
    load_id  bigint not null references hayloft.load on delete cascade,
    part     integer not null,
    -- The first eight bytes of each durable key, in their order, one after the other.
    keys     bytea not null,
    primary key (load_id, part)
);

-- Digests do not compress.
alter table hayloft.manifest alter column keys set storage external;

-- Facts that wait for their dimension: the newest one for each key of the fact table.
create table hayloft.held_fact (
    table_name   text not null,
    fact_key     uuid not null,
    load_id      bigint not null references hayloft.load,
    source_line  bigint not null,
    -- The row as the fact table will have it.
    row          jsonb not null,
    held_at      timestamptz not null default clock_timestamp(),
    primary key (table_name, fact_key)
);

-- What the members are called that held facts wait for: one row a reference.
create table hayloft.held_reference (
    table_name      text not null,
    fact_key        uuid not null,
    dimension       text not null,
    dimension_key   uuid not null,
    primary key (table_name, fact_key, dimension, dimension_key),
    foreign key (table_name, fact_key) references hayloft.held_fact on delete cascade
);

create index held_reference_member on hayloft.held_reference (dimension, dimension_key);

-- What must not change under a table that has rows: how its keys are made.
create table hayloft.contract (
    table_name       text primary key,
    -- Version of the way in which a natural key becomes a uuid.
    key_scheme       integer not null,
    -- A digest of the key secret, made with the secret itself; it says "same" or "another", no more.
    key_fingerprint  bytea not null,
    natural_key      text[] not null,
    recorded_at      timestamptz not null default clock_timestamp()
);
