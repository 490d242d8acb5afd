-- $1: schema, $2: tables. One row for each type that the tables' columns are of, and for each that
-- these are made of: the base of a domain, the elements of an array, the bounds of a range, the
-- fields of a composite type.
with recursive part (type_oid, type_modifier) as (
    select a.atttypid, a.atttypmod
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname = $1
        and c.relname = any($2)
        and c.relkind in ('r', 'p', 'v', 'm', 'f')
    union
    select made_of.type_oid, made_of.type_modifier
    from part
    join pg_catalog.pg_type t on t.oid = part.type_oid
    cross join lateral (
        select t.typbasetype, t.typtypmod
        where t.typtype = 'd'
        union all
        select e.oid, part.type_modifier
        from pg_catalog.pg_type e
        where e.oid = t.typelem and e.typarray = t.oid
        union all
        select r.rngsubtype, -1
        from pg_catalog.pg_range r
        where t.oid in (r.rngtypid, r.rngmultitypid)
        union all
        select a.atttypid, a.atttypmod
        from pg_catalog.pg_attribute a
        where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    ) as made_of (type_oid, type_modifier)
)
select
    t.oid::pg_catalog.int8 as type_oid,
    part.type_modifier,
    t.typname::pg_catalog.text as type_name,
    tn.nspname::pg_catalog.text as type_schema,
    case when e.oid is null then t.typtype::pg_catalog.text else 'a' end as type_kind,
    -- As in columns.sql.
    spelled.prefix || pg_catalog.format_type(t.oid, part.type_modifier) as type_sql,
    spelled.prefix || pg_catalog.format_type(t.oid, -1) as plain_sql,
    coalesce(e.typdelim, t.typdelim)::pg_catalog.text as delimiter,
    t.typnotnull as not_null,
    array(
        select k.conname::pg_catalog.text
        from pg_catalog.pg_constraint k
        where k.contypid = t.oid and k.contype = 'c'
        order by k.conname
    ) as checks,
    array(
        select l.enumlabel::pg_catalog.text
        from pg_catalog.pg_enum l
        where l.enumtypid = t.oid
        order by l.enumsortorder
    ) as enum_labels,
    array(
        select l.oid
        from pg_catalog.pg_enum l
        where l.enumtypid = t.oid
        order by l.enumsortorder
    ) as label_oids,
    case
        when t.typtype = 'd' then array[t.typbasetype::pg_catalog.int8]
        when e.oid is not null then array[e.oid::pg_catalog.int8]
        when t.typtype in ('r', 'm') then array(
            select r.rngsubtype::pg_catalog.int8
            from pg_catalog.pg_range r
            where t.oid in (r.rngtypid, r.rngmultitypid)
        )
        else array(
            select a.atttypid::pg_catalog.int8
            from pg_catalog.pg_attribute a
            where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
            order by a.attnum
        )
    end as made_of,
    case
        when t.typtype = 'd' then array[t.typtypmod]
        when e.oid is not null then array[part.type_modifier]
        when t.typtype in ('r', 'm') then array[-1]
        else array(
            select a.atttypmod
            from pg_catalog.pg_attribute a
            where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
            order by a.attnum
        )
    end as modifiers
from part
join pg_catalog.pg_type t on t.oid = part.type_oid
join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
left join pg_catalog.pg_type e on e.oid = t.typelem and e.typarray = t.oid
cross join lateral (
    select case
        when tn.nspname <> 'pg_catalog' and pg_catalog.pg_type_is_visible(t.oid)
        then pg_catalog.quote_ident(tn.nspname) || '.'
        else ''
    end
) as spelled (prefix)
