select load_id, table_name as "table", file_name as file, status, header, effective_at
from hayloft.load
where load_id = $1
