-- $1: schema, $2: tables. One row a unique index that is enforced at once, over plain columns.
select
    c.relname::pg_catalog.text as table_name,
    array(
        select a.attname::pg_catalog.text
        from pg_catalog.pg_attribute a
        -- indkey is counted from 0; columns past indnkeyatts are only carried along (INCLUDE).
        where a.attrelid = c.oid
            and a.attnum = any((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1])
        order by a.attnum
    ) as column_names,
    -- To spell a condition the server locks the table, and so waits for whoever has it alone, as a
    -- large first load has. The one that every dimension has is told by its shape.
    coalesce(
        (
            select '(' || pg_catalog.quote_ident(a.attname) || ' IS NULL)'
            from pg_catalog.pg_attribute a
            where a.attrelid = c.oid
                and a.attnum::pg_catalog.text = pg_catalog.substring(
                    i.indpred::pg_catalog.text,
                    '^\{NULLTEST :arg \{VAR :varno 1 :varattno ([0-9]+) [^{}]*\} :nulltesttype 0 [^{}]*\}$'
                )
        ),
        pg_catalog.pg_get_expr(i.indpred, i.indrelid)
    ) as predicate
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1
    and c.relname = any($2)
    and i.indisunique
    and i.indisvalid
    and i.indimmediate
    and i.indexprs is null
order by c.relname, i.indexrelid
