-- $1: table. The rows of which something is kept, of its loads that have a manifest.
select payload.load_id, payload.key, payload.line
from hayloft.payload
join hayloft.load using (load_id)
where load.table_name = $1
    and load.instants = 'shared' and load.action in ('load', 'takeover', 'baseline')
    and load.status in ('loaded', 'undone')
order by payload.load_id, payload.key
