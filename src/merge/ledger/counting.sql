-- Of these loads, those of the table that count. Binds: the table, the loads.
select load_id
from hayloft.load
where load_id = any ($2) and table_name = $1 and status = 'loaded'
