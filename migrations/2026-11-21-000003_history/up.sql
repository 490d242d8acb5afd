-- What history needs beside the versions: what each load said, so that a late row finds its place
-- and any load can be taken back.
--
-- What is written here about a load is never changed by a later one. Whether a load counts is one
-- word in hayloft.load: `loaded` counts, `undone` does not.

-- ---- loads -----------------------------------------------------------------------------------

alter table hayloft.load
    drop constraint load_status_check,
    add constraint load_status_check
        check (status in ('loading', 'loaded', 'skipped', 'failed', 'undone')),
    -- What was done: a file was loaded, or an earlier load was taken back or put in again.
    add column action text not null default 'load' check (action in ('load', 'undo', 'redo')),
    -- The load that was taken back or put in again.
    add column target_load_id bigint references hayloft.load,
    -- What a row and an absent row of the file meant.
    add column mode text not null default 'incremental'
        check (mode in ('incremental', 'snapshot', 'feed')),
    -- Whether a key that is not in the file is absent from effective_at on. A snapshot in which a
    -- row's key could not be read says nothing of absent keys.
    add column absence text not null default 'ignored' check (absence in ('ignored', 'closes')),
    -- Whether all rows hold from effective_at on, or each from an instant of its own, up to
    -- effective_at at the latest.
    add column instants text not null default 'shared' check (instants in ('shared', 'own')),
    add column earliest_at timestamptz,
    -- The columns that the file had. Of the others it says nothing, which is not NULL. NULL stands
    -- for all columns, in loads of before this was kept whose table is gone.
    add column columns text[],
    -- The columns that the load added to the table.
    add column added_columns text[] not null default '{}',
    -- Who let a snapshot close more keys than its guard allows, if anybody did.
    add column closes_accepted_by text,
    -- One of these, or of inserted, updated and unchanged, for each accepted row.
    add column keys_reopened bigint not null default 0,
    add column keys_corrected bigint not null default 0,
    add column keys_split bigint not null default 0,
    add column keys_moved bigint not null default 0,
    add column keys_late_unchanged bigint not null default 0,
    add column keys_closed bigint not null default 0,
    add column keys_absent_already bigint not null default 0,
    -- Beside them.
    add column keys_closed_by_absence bigint not null default 0,
    add column keys_overwritten bigint not null default 0,
    add column keys_filled bigint not null default 0;

-- Which columns a file of before had is not known. It had none of those that the table gets later:
-- a value in such a column is the first one, and no change.
update hayloft.load
set earliest_at = effective_at,
    columns = nullif(array(
        select attname::text
        from pg_attribute
        where attrelid = to_regclass(format('datawarehouse.%I', table_name))
            and attnum > 0 and not attisdropped
        order by attnum
    ), '{}')
where status = 'loaded';

-- The instant of the next load lies after all of these, also those that do not count.
create index load_instant_kept on hayloft.load (table_name, effective_at desc)
    where status in ('loaded', 'undone');

create index load_target on hayloft.load (target_load_id) where target_load_id is not null;

-- ---- of whom a load spoke --------------------------------------------------------------------

-- For loads whose rows share one instant. The keys of a part lie in their order.
alter table hayloft.manifest
    -- `unread` keys stand in rows that were rejected: the load says nothing of them, and a
    -- snapshot does not call them absent.
    add column kind text not null default 'read' check (kind in ('read', 'unread')),
    add column first_key uuid,
    add column last_key uuid,
    -- For each key its line in the file, as four bytes. Apart from the keys, since these alone
    -- are asked for by every late row.
    add column lines bytea;

-- The prefix of a key, with the rest as low, and as high, as it can be.
update hayloft.manifest
set first_key = rpad(encode(substring(keys from 1 for 8), 'hex'), 32, '0')::uuid,
    last_key = rpad(encode(substring(keys from length(keys) - 7), 'hex'), 32, 'f')::uuid;

alter table hayloft.manifest
    alter column first_key set not null,
    alter column last_key set not null,
    alter column lines set storage external;

-- For loads whose rows have instants of their own: a row for each of the file's.
create table hayloft.observation (
    key        uuid not null,
    at         timestamptz not null,
    load_id    bigint not null references hayloft.load,
    line       bigint not null,
    -- What the row said: that the key is there, with its values, or that it is not.
    presence   text not null check (presence in ('present', 'absent')),
    -- The values of the columns that break ties, in an encoding whose bytes sort as they do.
    sequence   bytea,
    primary key (key, load_id, line)
);

create index observation_load on hayloft.observation (load_id);

-- What a row said, where the warehouse does not show it: it lost against another row at its
-- instant, or its load does not count, or a column that keeps no history shows a newer value.
-- Values are as Postgres prints them. A column that is not here is shown by the warehouse.
create table hayloft.payload (
    key        uuid not null,
    load_id    bigint not null references hayloft.load,
    line       bigint not null,
    row        jsonb not null,
    primary key (key, load_id, line)
);

create index payload_load on hayloft.payload (load_id);

-- ---- contracts -------------------------------------------------------------------------------

-- What must not change under a table that has rows, unless somebody says so.
alter table hayloft.contract
    add column mode text,
    add column effective text,
    add column sequence text[],
    -- From the column's name to its role, or to how the key is made of it: one that is not here was
    -- not there, or nothing was written down of it yet.
    add column roles jsonb,
    -- Whether a value in a column that is new is a version of its own.
    add column new_column text check (new_column in ('version', 'no version'));

-- Each change of a contract that was taken under rows that were there.
create table hayloft.contract_change (
    contract_change_id bigint generated always as identity primary key,
    table_name  text not null,
    changed_at  timestamptz not null default clock_timestamp(),
    changed_by  text not null default session_user,
    before      jsonb not null,
    after       jsonb not null
);
