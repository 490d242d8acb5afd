-- What rows said that the table does not show.
select payload.load_id, payload.line, payload.row as content, payload.misfits
from hayloft.payload
join hayloft.load using (load_id)
where payload.key = $2 and load.table_name = $1
