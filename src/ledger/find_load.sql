select load_id, table_name as "table", file_name as file, status, header, columns,
    rows_read as read, effective_at
from hayloft.load
where load_id = $1
