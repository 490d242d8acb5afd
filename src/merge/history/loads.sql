select load_id, status = 'loaded' as counts,
    case when instants = 'shared' then effective_at end as shared_at,
    absence = 'closes' as closes_absent, columns
from hayloft.load
where table_name = $1 and action = 'load' and status in ('loaded', 'undone')
