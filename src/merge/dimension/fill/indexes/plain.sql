-- The B-tree indexes of a table, in the order in which they were made, each with the statements that
-- drop it and make it again as it is. None at all where these statements could lose something, or
-- have an effect beside: then all indexes stay. Bind: the table.
with own as materialized (
    select c.oid, c.relname, n.nspname
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.oid = $1::pg_catalog.regclass
        -- A plain table, and no part of another one.
        and c.relkind = 'r' and c.relpersistence = 'p'
        and c.relam = (select oid from pg_catalog.pg_am where amname = 'heap')
        and not exists (
            select from pg_catalog.pg_inherits where c.oid in (inhrelid, inhparent)
        )
        -- It is ours to change.
        and pg_catalog.pg_has_role(c.relowner, 'USAGE')
        and pg_catalog.has_schema_privilege(n.oid, 'CREATE')
        -- What is made lies where it would lie by default.
        and pg_catalog.current_setting('default_tablespace') = ''
        -- A trigger might look for rows by an index, or still be due when it is made.
        and not exists (select from pg_catalog.pg_trigger where tgrelid = c.oid)
        -- Nobody hears of it: no trigger on commands, no subscriber that knows the rows by their
        -- primary key, no extension that has the table in several places.
        and not exists (select from pg_catalog.pg_event_trigger where evtenabled <> 'D')
        and not exists (select from pg_catalog.pg_publication where puballtables)
        and not exists (select from pg_catalog.pg_publication_rel where prrelid = c.oid)
        and not exists (
            select from pg_catalog.pg_publication_namespace where pnnspid = c.relnamespace
        )
        and not exists (
            select from pg_catalog.pg_extension where extname in ('citus', 'timescaledb')
        )
),
indexes as materialized (
    select i.indexrelid, x.relname, con.oid as constraint_oid, con.conname,
        i.indisvalid and i.indisready and i.indimmediate
            and not i.indisclustered and not i.indisreplident and i.indexprs is null
            -- Neither a statement nor a default says these again.
            and x.reltablespace = 0 and x.reloptions is null
            and (con.oid is null or con.contype in ('p', 'u')) as is_plain
    from own
    join pg_catalog.pg_index as i on i.indrelid = own.oid
    join pg_catalog.pg_class as x on x.oid = i.indexrelid
    join pg_catalog.pg_am as am on am.oid = x.relam and am.amname = 'btree'
    left join pg_catalog.pg_constraint as con
        on con.conindid = i.indexrelid and con.conrelid = own.oid and con.contype <> 'f'
),
-- The indexes and their constraints, as the catalog refers to them.
objects as materialized (
    select 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid as class, indexrelid as object
    from indexes
    union all
    select 'pg_catalog.pg_constraint'::pg_catalog.regclass, constraint_oid
    from indexes
    where constraint_oid is not null
)
select
    case
        when conname is null
        then pg_catalog.format('drop index %I.%I', nspname, indexes.relname)
        else pg_catalog.format('alter table %I.%I drop constraint %I', nspname, own.relname, conname)
    end as drop_it,
    case
        when conname is null
        then pg_catalog.pg_get_indexdef(indexrelid)
        else pg_catalog.format('alter table %I.%I add constraint %I %s', nspname, own.relname, conname,
            pg_catalog.pg_get_constraintdef(constraint_oid))
    end as make_it
from own, indexes
where (select pg_catalog.bool_and(is_plain) from indexes)
    -- Nothing is built on one: no foreign key, no view that groups by the primary key.
    and not exists (
        select from pg_catalog.pg_depend
        where (refclassid, refobjid) in (select class, object from objects)
            and (classid, objid) not in (select class, object from objects)
    )
    -- And it is built on nothing but the table: on no function, and on no extension.
    and not exists (
        select from pg_catalog.pg_depend, own
        where (classid, objid) in (select class, object from objects)
            and (refclassid, refobjid) not in (select class, object from objects)
            and (refclassid, refobjid)
                <> ('pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, own.oid)
    )
    and not exists (
        select from pg_catalog.pg_description
        where (classoid, objoid) in (select class, object from objects)
    )
    and not exists (
        select from pg_catalog.pg_seclabel
        where (classoid, objoid) in (select class, object from objects)
    )
order by indexrelid
