-- The statements that have the server check now what it would check at the commit, and wait again: the
-- deferred constraints of some tables and their partitions, and those that refer to them. NULL where there
-- is nothing of the kind. Only in schemas that the role may use: others cannot be named. A name means all
-- constraints of that name in its schema, and where one of them cannot wait, all are checked at once from
-- then on. Bind: the tables.
with recursive written (id) as (
    select given.name::pg_catalog.regclass::pg_catalog.oid
    from pg_catalog.unnest($1::pg_catalog.text[]) as given (name)
    union
    select part.inhrelid
    from pg_catalog.pg_inherits as part
    join written on written.id = part.inhparent
), waiting as (
    select distinct pg_catalog.format('%I.%I', n.nspname, c.conname) as name,
        not exists (
            select from pg_catalog.pg_constraint as twin
            where twin.connamespace = c.connamespace and twin.conname = c.conname
              and not twin.condeferrable
        ) as can_wait
    from pg_catalog.pg_constraint as c
    join pg_catalog.pg_namespace as n on n.oid = c.connamespace
    where c.condeferred and n.nspname <> 'hayloft'
      and (c.conrelid in (select id from written) or c.confrelid in (select id from written))
      and pg_catalog.has_schema_privilege(n.oid, 'usage')
)
select 'set constraints ' || pg_catalog.string_agg(name, ', ') || ' immediate' as now,
    'set constraints ' || pg_catalog.string_agg(name, ', ') filter (where can_wait) || ' deferred' as later
from waiting
