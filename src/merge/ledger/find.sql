select load_id, table_name, file_name, file_sha256, status, reason, set_aside,
    rows_read, rows_accepted, rows_rejected, rows_duplicate, rows_held,
    keys_inserted, keys_updated, keys_deactivated, keys_unchanged,
    keys_reopened, keys_corrected, keys_split, keys_moved, keys_late_unchanged,
    keys_closed, keys_absent_already, keys_closed_by_absence, keys_overwritten, keys_filled,
    facts_released,
    seconds_total, seconds_stage, seconds_merge
from hayloft.load
where claim_id = $1
