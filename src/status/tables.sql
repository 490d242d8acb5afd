-- What the ledger and the catalog know of each table of the warehouse. A table that keeps versions
-- has the column in which they end.
select relname::text as "table",
    exists (
        select from pg_catalog.pg_attribute
        where attrelid = pg_class.oid and attname = $2 and attnum > 0 and not attisdropped
    ) as versioned,
    (select count(*) from hayloft.held_fact where table_name = relname) as held,
    (
        select count(distinct (load_id, line))
        from hayloft.reject join hayloft.load using (load_id)
        where table_name = relname and reject.status = 'open' and severity = 'error'
    ) as open_rejects,
    last.load_id as last_load_id,
    last.started_at as last_load_at
from pg_catalog.pg_class
left join lateral (
    select load_id, started_at
    from hayloft.load
    where table_name = relname and status = 'loaded'
    order by load_id desc
    limit 1
) as last on true
where relnamespace = to_regnamespace($1) and relkind in ('r', 'p') and not relispartition
order by relname
