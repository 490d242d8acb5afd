-- Which column is which, whatever it is called now. Without this a renamed column would be another
-- one, and what loads said of it would be lost.
--
-- The ledger calls a column by its `column_id`: the name that it had when it was first seen, with a
-- number behind it if an earlier column of the table had that name. An id never changes and is never
-- given to another column. So a rename changes one row here, and nothing of what loads said.

create table hayloft.table_identity (
    table_name  text primary key,
    -- The table itself, whatever its name, as long as `ledger` is the oid of hayloft.load. It is another
    -- one after a restore from a dump, and then so are all others: only names are left to go by.
    relation    oid not null,
    ledger      oid not null,
    noted_at    timestamptz not null default clock_timestamp()
);

create table hayloft.column_identity (
    table_name  text not null references hayloft.table_identity on update cascade on delete cascade,
    column_id   text not null,
    -- As it is now, or was when it was last seen.
    name        text not null,
    number      smallint not null,
    type        text not null,
    noted_at    timestamptz not null default clock_timestamp(),
    dropped_at  timestamptz,
    primary key (table_name, column_id)
);

-- A table of which some load counts is the one of that name now, and so are its columns.
insert into hayloft.table_identity (table_name, relation, ledger)
select loaded.table_name, relation.oid, 'hayloft.load'::regclass
from (select distinct table_name from hayloft.load where action = 'load') as loaded
join pg_catalog.pg_class as relation
    on relation.oid = to_regclass(format('datawarehouse.%I', loaded.table_name));

insert into hayloft.column_identity (table_name, column_id, name, number, type)
select identity.table_name, a.attname, a.attname, a.attnum,
    case
        when tn.nspname <> 'pg_catalog' and pg_catalog.pg_type_is_visible(t.oid)
        then pg_catalog.quote_ident(tn.nspname) || '.'
        else ''
    end || pg_catalog.format_type(a.atttypid, a.atttypmod)
from hayloft.table_identity as identity
join pg_catalog.pg_attribute as a
    on a.attrelid = identity.relation and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_type as t on t.oid = a.atttypid
join pg_catalog.pg_namespace as tn on tn.oid = t.typnamespace;

-- Columns of which loads spoke and that are not there now. Whether they were dropped or renamed
-- before this was kept nobody knows; number 0 says so.
insert into hayloft.column_identity (table_name, column_id, name, number, type, dropped_at)
select distinct identity.table_name, spoken.name, spoken.name, 0, '', clock_timestamp()
from hayloft.table_identity as identity
join hayloft.load using (table_name)
cross join lateral unnest(load.columns) as spoken (name)
where load.action = 'load' and load.status in ('loaded', 'undone')
on conflict do nothing;

-- ---- what no file said -------------------------------------------------------------------------

-- `takeover`: rows that no load brought. `baseline`: what a column held when it was first seen.
alter table hayloft.load
    drop constraint load_action_check,
    add constraint load_action_check
        check (action in ('load', 'undo', 'redo', 'takeover', 'baseline'));

-- Of kept values those that a column's type does not take since a migration changed it. What needs
-- one of them is refused.
alter table hayloft.payload add column misfits text[] not null default '{}';

create index load_takeover on hayloft.load (table_name) where action = 'takeover';

-- So that a table can be renamed under rows that are held.
alter table hayloft.held_reference
    drop constraint held_reference_table_name_fact_key_fkey,
    add constraint held_reference_fact foreign key (table_name, fact_key)
        references hayloft.held_fact on update cascade on delete cascade;
