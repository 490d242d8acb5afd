-- The statements that have the server check now what it would check at the commit, and wait again. Not
-- of the ledger, which is not complete before. NULL where there is nothing of the kind.
select 'set constraints ' || names || ' immediate' as now, 'set constraints ' || names || ' deferred' as later
from (
    select pg_catalog.string_agg(distinct pg_catalog.format('%I.%I', n.nspname, c.conname), ', ') as names
    from pg_catalog.pg_constraint as c
    join pg_catalog.pg_namespace as n on n.oid = c.connamespace
    where c.condeferrable and n.nspname <> 'hayloft'
) as found
