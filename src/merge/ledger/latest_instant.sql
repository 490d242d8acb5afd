select max(effective_at) as latest
from hayloft.load
where table_name = $1 and status = 'loaded'
