select payload.key, payload.load_id, payload.line,
    array (select cell.key from jsonb_each_text(payload.row) as cell order by cell.key) as names,
    array (select cell.value from jsonb_each_text(payload.row) as cell order by cell.key) as cells,
    payload.misfits
from pg_temp.hayloft_touched as touched
join hayloft.payload using (key)
join hayloft.load using (load_id)
where touched.key between $1 and $2 and payload.key between $1 and $2 and load.table_name = $3
