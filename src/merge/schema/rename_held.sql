-- $1: table, $2: names of columns, $3: the names that they have now. Lets held rows call them so. Two
-- columns may have swapped their names.
update hayloft.held_fact as held
set row = (
    select pg_catalog.jsonb_object_agg(coalesce(renamed.now, cell.key), cell.value)
    from pg_catalog.jsonb_each(held.row) as cell
    left join rows from (pg_catalog.unnest($2), pg_catalog.unnest($3)) as renamed (before, now) on renamed.before = cell.key
)
where held.table_name = $1 and held.row ?| $2
