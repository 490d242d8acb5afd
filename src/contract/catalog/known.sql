-- $1: names of tables, $2: their oids. What the ledger knows of the columns of each. A table that was
-- renamed is found by its oid, as long as the ledger is the one that noted it.
select wanted.name as wanted, found.table_name, found.relation, found.ledger, c.column_id,
    c.name as column_name, c.number, c.type as type_sql, c.dropped_at is not null as dropped,
    -- A ledger of before knows no labels.
    coalesce(pg_catalog.to_jsonb(c) -> 'labels', '{}')::pg_catalog.text as labels
from rows from (pg_catalog.unnest($1), pg_catalog.unnest($2)) as wanted (name, oid)
cross join lateral (
    select i.table_name, i.relation, i.ledger
    from hayloft.table_identity as i
    cross join lateral (
        select i.relation = wanted.oid and i.ledger = pg_catalog.to_regclass('hayloft.load')
    ) as same (is_table)
    where same.is_table
        or i.table_name = wanted.name
            -- Not if it was renamed, and another table has taken its name.
            and not exists (
                select from pg_catalog.pg_class as renamed
                where renamed.oid = i.relation and renamed.relname <> wanted.name
                    and i.ledger = pg_catalog.to_regclass('hayloft.load')
            )
    order by same.is_table desc
    limit 1
) as found
join hayloft.column_identity as c using (table_name)
order by c.number, c.column_id
