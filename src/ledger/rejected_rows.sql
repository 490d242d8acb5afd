select distinct on (line) coalesce(original_bytes, convert_to(original, 'UTF8'), '') as original
from hayloft.reject
where load_id = $1 and status = 'open' and severity = 'error'
order by line, reject_id
