select load_id, parent_load_id, table_name as "table", file_name as file, status, reason,
    action, target_load_id,
    rows_read as read, keys_inserted as new, keys_updated as changed, keys_unchanged as unchanged,
    keys_reopened as reopened, keys_corrected as corrected, keys_split as split,
    keys_moved as moved, keys_late_unchanged as late_unchanged, keys_closed as closed,
    keys_absent_already as absent_already, keys_closed_by_absence as closed_by_absence,
    keys_overwritten as overwritten, keys_filled as filled,
    rows_held as held, rows_duplicate as duplicates, rows_rejected as rejected,
    seconds_total as seconds, started_at
from hayloft.load
order by load_id desc
limit $1
