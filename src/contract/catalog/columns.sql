-- $1: schema, $2: tables. One row a column, in the table's own order.
select
    c.relname::pg_catalog.text as table_name,
    c.relkind::pg_catalog.text as relation_kind,
    a.attname::pg_catalog.text as column_name,
    a.attnum as number,
    t.typname::pg_catalog.text as type_name,
    tn.nspname::pg_catalog.text as type_schema,
    t.oid::pg_catalog.int8 as type_oid,
    case
        when t.typelem <> 0 and exists (
            select from pg_catalog.pg_type e where e.oid = t.typelem and e.typarray = t.oid
        ) then 'a'
        else t.typtype::pg_catalog.text
    end as type_kind,
    exists (
        select from pg_catalog.pg_collation l where l.oid = a.attcollation and not l.collisdeterministic
    ) as overlooks,
    -- format_type leaves out a schema that this session's search_path has; another session may
    -- have another, so it is put back.
    spelled.prefix || pg_catalog.format_type(t.oid, a.atttypmod) as type_sql,
    -- Without a modifier, and so that none is understood: `"bit"`, where `bit` is `bit(1)`.
    spelled.prefix || pg_catalog.format_type(t.oid, -1) as plain_sql,
    a.atttypmod as type_modifier,
    a.attnotnull as not_null,
    a.attidentity <> '' or a.attgenerated <> '' as generated,
    -- A default names no column. Were the table named, the server would wait for whoever has it alone.
    pg_catalog.pg_get_expr(given.expression, 0) as default_sql,
    -- `v` where it may be another value for each row, or for each statement: something that it calls says
    -- so of itself, or is of a person's own, which may read tables.
    case when given.expression is not null and exists (
        select
        from pg_catalog.regexp_matches(given.expression::pg_catalog.text, ':(?:op)?funcid ([0-9]+)', 'g') as called (oids)
        join pg_catalog.pg_proc p on p.oid = called.oids[1]::pg_catalog.oid
        where p.provolatile = 'v'
           or p.provolatile = 's' and (
               p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace or p.proname = 'statement_timestamp'
           )
    ) then 'v' else 's' end as default_volatility,
    pg_catalog.pg_get_expr(d.adbin, 0) as own_default_sql,
    array(
        select e.enumlabel::pg_catalog.text
        from pg_catalog.pg_enum e
        where e.enumtypid = t.oid
        order by e.enumsortorder
    ) as enum_labels,
    array(
        select e.oid
        from pg_catalog.pg_enum e
        where e.enumtypid = t.oid
        order by e.enumsortorder
    ) as label_oids
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_type t on t.oid = a.atttypid
join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
left join pg_catalog.pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum and a.attgenerated = ''
-- That of a domain is the column's, where it has none of its own.
cross join lateral (
    select case
        when a.attidentity = '' and a.attgenerated = '' then coalesce(d.adbin, t.typdefaultbin)
    end
) as given (expression)
cross join lateral (
    select case
        when tn.nspname <> 'pg_catalog' and pg_catalog.pg_type_is_visible(t.oid)
        then pg_catalog.quote_ident(tn.nspname) || '.'
        else ''
    end
) as spelled (prefix)
where n.nspname = $1
    and c.relname = any($2)
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
order by c.relname, a.attnum
