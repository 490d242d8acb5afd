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
    pg_catalog.pg_get_expr(i.indpred, i.indrelid) as predicate
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
