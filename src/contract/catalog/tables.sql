-- $1: schema, $2: tables. One row a table: its oid, and what besides its columns decides about rows on
-- their way in. Each rule is a text that is another one when the rule is changed. And the
-- ledger's oid, if it keeps the identity of columns.
select c.relname::pg_catalog.text as table_name, c.oid,
    case
        when pg_catalog.to_regclass('hayloft.column_identity') is not null
        then pg_catalog.to_regclass('hayloft.load')::pg_catalog.oid
    end as ledger,
    array(
        select pg_catalog.format('trigger %s %s %s %s %s', g.tgname, g.tgenabled, g.tgtype, g.tgfoid, g.tgattr)
        from pg_catalog.pg_trigger as g
        where g.tgrelid = c.oid and not g.tgisinternal
        order by g.tgname
    ) || array(
        select pg_catalog.format('rule %s %s', r.rulename, r.ev_enabled)
        from pg_catalog.pg_rewrite as r
        where r.ev_class = c.oid
        order by r.rulename
    ) || array(
        select pg_catalog.format('policy %s %s %s %s', p.polname, p.polcmd, p.polpermissive, p.polroles)
        from pg_catalog.pg_policy as p
        where p.polrelid = c.oid and c.relrowsecurity
        order by p.polname
    ) || array(
        select pg_catalog.format('row security %s', c.relforcerowsecurity)
        where c.relrowsecurity
    ) || array(
        select pg_catalog.format('unique index %s', x.relname)
        from pg_catalog.pg_index as i
        join pg_catalog.pg_class as x on x.oid = i.indexrelid
        where i.indrelid = c.oid and i.indisunique and i.indisvalid
        order by x.relname
    ) as rules
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = $1
    and c.relname = any($2)
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
