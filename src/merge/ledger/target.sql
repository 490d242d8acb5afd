select table_name, file_name, status, action, target_load_id as turned, instants,
    absence, effective_at, rows_read, rows_accepted
from hayloft.load
where load_id = $1
