select load_id, parent_load_id, table_name as "table", file_name as file, status, reason,
    action, target_load_id,
    rows_read as read, keys_inserted as new, keys_updated as changed, keys_unchanged as unchanged,
    rows_held as held, rows_duplicate as duplicates, rows_rejected as rejected,
    seconds_total as seconds, started_at
from hayloft.load
order by load_id desc
limit $1
