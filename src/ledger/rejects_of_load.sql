select line, column_number, column_name, kind, severity, message,
    coalesce(original_bytes, convert_to(original, 'UTF8'), '') as original
from hayloft.reject
where load_id = $1 and status = 'open'
order by line, reject_id
