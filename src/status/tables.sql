-- $1: schema, $2: the column in which versions end: a table that keeps versions has it. $3, $4: tables that the
-- ledger knows by another name, as they are called now and as they were. What the ledger and the catalog know
-- of each table of the warehouse.
select relname::text as "table",
    exists (
        select from pg_catalog.pg_attribute
        where attrelid = pg_class.oid and attname = $2 and attnum > 0 and not attisdropped
    ) as versioned,
    (select count(*) from hayloft.held_fact where table_name = known.name) as held,
    (
        select count(distinct (load_id, line))
        from hayloft.reject join hayloft.load using (load_id)
        where table_name = known.name and reject.status = 'open' and severity = 'error'
    ) as open_rejects,
    last.load_id as last_load_id,
    last.started_at as last_load_at
from pg_catalog.pg_class
cross join lateral (
    select coalesce(
        (
            select renamed.before
            from rows from (unnest($3), unnest($4)) as renamed (now, before)
            where renamed.now = relname
        ),
        relname
    ) as name
) as known
left join lateral (
    select load_id, started_at
    from hayloft.load
    where table_name = known.name and status = 'loaded'
    order by load_id desc
    limit 1
) as last on true
where relnamespace = to_regnamespace($1) and relkind in ('r', 'p') and not relispartition
order by relname
