-- $1: table, $2: one of its loads. Id, name and type of each column: first as they were at the load, then
-- after each change of which the ledger heard since.
select state.columns::pg_catalog.text as columns
from (
    select contract_change_id, before -> 'columns' as columns
    from hayloft.contract_change
    where table_name = $1 and before -> 'columns' is not null
      and changed_at >= (select started_at from hayloft.load where load_id = $2)
    union all
    select null, coalesce(
        pg_catalog.jsonb_object_agg(column_id, name || ' ' || type), '{}'::pg_catalog.jsonb
    )
    from hayloft.column_identity
    where table_name = $1 and dropped_at is null
) as state
order by state.contract_change_id nulls last
