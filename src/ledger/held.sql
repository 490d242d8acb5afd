-- The reason by way of JSON, since a ledger of before has none.
select waits.table_name as "table", waits.dimension,
    count(distinct waits.fact_key) as facts,
    count(distinct waits.dimension_key) as members,
    refused.why as reason
from hayloft.held_reference as waits
join hayloft.held_fact as held using (table_name, fact_key)
cross join lateral (select pg_catalog.to_jsonb(held) ->> 'reason' as why) as refused
group by waits.table_name, waits.dimension, refused.why
order by waits.table_name, waits.dimension, refused.why nulls first
