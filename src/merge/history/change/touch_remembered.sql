insert into pg_temp.hayloft_touched (key)
select distinct payload.key
from hayloft.load
join hayloft.payload using (load_id)
where load.table_name = $1 and load.action in ('load', 'takeover', 'baseline') and load.status = 'loaded'
