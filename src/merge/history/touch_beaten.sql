-- Of other loads the rows at one instant that the ledger keeps: the absence of their keys, which no
-- row of the snapshot says, may have been what they lost against.
insert into pg_temp.hayloft_touched (key)
select distinct payload.key
from hayloft.load
join hayloft.payload using (load_id)
left join hayloft.observation as own using (key, load_id, line)
where load.table_name = $1 and load.action in ('load', 'takeover', 'baseline') and load.status = 'loaded'
  and $2 between load.earliest_at and load.effective_at
  and coalesce(own.at, load.effective_at) = $2
on conflict do nothing
