select payload.key, payload.load_id, payload.line,
    array (select cell.key from jsonb_each_text(payload.row) as cell order by cell.key) as names,
    array (select cell.value from jsonb_each_text(payload.row) as cell order by cell.key) as cells,
    payload.misfits
from hayloft.payload
join hayloft.load using (load_id)
where payload.key between $1 and $2 and load.table_name = $3
