-- $1: schema, $2: names, or NULL for all. What has one of the names: as a relation or a type, which
-- share theirs with views, or as a function of one instant. With the table that it shows, the
-- statements that drop it and make it as it is, if it may be ours, and those that then give back
-- what was set on it: its owner, its options, and who may do what.
select c.relname::pg_catalog.text as name,
    case
        when c.relkind = 'v' then 'view'
        when c.relkind in ('i', 'I') then 'index'
        when c.relkind in ('r', 'p', 'f') then 'table'
        else 'other'
    end as kind,
    pg_catalog.obj_description(c.oid, 'pg_class') as comment,
    (
        select pg_catalog.min(needed.refobjid::pg_catalog.regclass::pg_catalog.text)
        from pg_catalog.pg_rewrite as rule
        join pg_catalog.pg_depend as needed
            on needed.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
            and needed.objid = rule.oid
            and needed.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and needed.refobjid <> c.oid
        where rule.ev_class = c.oid
    ) as shows,
    pg_catalog.format('drop view %I.%I', $1, c.relname) as drop_it,
    pg_catalog.format('comment on view %I.%I is %L', $1, c.relname,
        pg_catalog.obj_description(c.oid, 'pg_class')) as comment_it,
    case
        when c.relkind = 'v' then pg_catalog.format('create view %I.%I as %s',
            $1, c.relname, pg_catalog.pg_get_viewdef(c.oid))
        else ''
    end as make_it,
    array(
        select pg_catalog.format('alter view %I.%I owner to %I', $1, c.relname,
            pg_catalog.pg_get_userbyid(c.relowner))
        where pg_catalog.pg_get_userbyid(c.relowner) <> current_user
    ) || array(
        select pg_catalog.format('alter view %I.%I set (%s)', $1, c.relname, option)
        from pg_catalog.unnest(c.reloptions) as option
    ) || array(
        select pg_catalog.format('grant %s on %I.%I to %s%s', acl.privilege_type, $1, c.relname,
            case when acl.grantee = 0 then 'public' else acl.grantee::pg_catalog.regrole::pg_catalog.text end,
            case when acl.is_grantable then ' with grant option' else '' end)
        from pg_catalog.aclexplode(c.relacl) as acl
        where acl.grantee <> c.relowner
    ) || array(
        select pg_catalog.format('grant %s (%I) on %I.%I to %s%s', acl.privilege_type, a.attname,
            $1, c.relname,
            case when acl.grantee = 0 then 'public' else acl.grantee::pg_catalog.regrole::pg_catalog.text end,
            case when acl.is_grantable then ' with grant option' else '' end)
        from pg_catalog.pg_attribute as a
        cross join pg_catalog.aclexplode(a.attacl) as acl
        where a.attrelid = c.oid and acl.grantee <> c.relowner
    ) as give_back
from pg_catalog.pg_class as c
where c.relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident($1))
    and ($2 is null or c.relname = any ($2))
union all
select t.typname, 'type', null, null, '', '', '', '{}'
from pg_catalog.pg_type as t
where t.typnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident($1))
    and ($2 is null or t.typname = any ($2)) and t.typrelid = 0
union all
select p.proname, 'function', pg_catalog.obj_description(p.oid, 'pg_proc'),
    (
        select t.typrelid::pg_catalog.regclass::pg_catalog.text
        from pg_catalog.pg_type as t
        where t.oid = p.prorettype
    ),
    pg_catalog.format('drop function %I.%I(timestamptz)', $1, p.proname),
    pg_catalog.format('comment on function %I.%I(timestamptz) is %L', $1, p.proname,
        pg_catalog.obj_description(p.oid, 'pg_proc')),
    case when p.prokind = 'f' then pg_catalog.pg_get_functiondef(p.oid) else '' end,
    array(
        select pg_catalog.format('alter function %I.%I(timestamptz) owner to %I', $1, p.proname,
            pg_catalog.pg_get_userbyid(p.proowner))
        where pg_catalog.pg_get_userbyid(p.proowner) <> current_user
    ) || array(
        -- A new function may be called by everybody.
        select pg_catalog.format('revoke all on function %I.%I(timestamptz) from public', $1, p.proname)
        where p.proacl is not null
    ) || array(
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
