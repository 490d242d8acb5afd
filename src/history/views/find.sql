-- $1: schema, $2: names, or NULL for all. What has one of the names: as a relation or a type, which
-- share theirs with views, or as a function of one instant. With the statement that drops it, if it
-- may be ours, and those that grant again what is granted on it.
select c.relname::pg_catalog.text as name,
    case
        when c.relkind = 'v' then 'view'
        when c.relkind in ('i', 'I') then 'index'
        when c.relkind in ('r', 'p', 'f') then 'table'
        else 'other'
    end as kind,
    pg_catalog.obj_description(c.oid, 'pg_class') as comment,
    pg_catalog.format('drop view %I.%I', $1, c.relname) as drop_it,
    array(
        select pg_catalog.format('grant %s on %I.%I to %s%s', acl.privilege_type, $1, c.relname,
            case when acl.grantee = 0 then 'public' else acl.grantee::pg_catalog.regrole::pg_catalog.text end,
            case when acl.is_grantable then ' with grant option' else '' end)
        from pg_catalog.aclexplode(c.relacl) as acl
        where acl.grantee <> c.relowner
    ) as grants
from pg_catalog.pg_class as c
where c.relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident($1))
    and ($2 is null or c.relname = any ($2))
union all
select t.typname, 'type', null, '', '{}'
from pg_catalog.pg_type as t
where t.typnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident($1))
    and ($2 is null or t.typname = any ($2)) and t.typrelid = 0
union all
select p.proname, 'function', pg_catalog.obj_description(p.oid, 'pg_proc'),
    pg_catalog.format('drop function %I.%I(timestamptz)', $1, p.proname),
    array(
        select pg_catalog.format('grant %s on function %I.%I(timestamptz) to %s%s',
            acl.privilege_type, $1, p.proname,
            case when acl.grantee = 0 then 'public' else acl.grantee::pg_catalog.regrole::pg_catalog.text end,
            case when acl.is_grantable then ' with grant option' else '' end)
        from pg_catalog.aclexplode(p.proacl) as acl
        where acl.grantee <> p.proowner
    )
from pg_catalog.pg_proc as p
where p.pronamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident($1))
    and ($2 is null or p.proname = any ($2))
    and p.pronargs = 1
    and p.proargtypes[0] = 'pg_catalog.timestamptz'::pg_catalog.regtype
