-- What these loads were called, and when they were.
select load_id, file_name as file, started_at
from hayloft.load
where load_id = any($1)
