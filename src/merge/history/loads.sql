select load_id, status = 'loaded' as counts,
    case when instants = 'shared' then effective_at end as shared_at,
    case when absence = 'closes' then effective_at end as closes_at, columns
from hayloft.load
where table_name = $1 and action = 'load' and status in ('loaded', 'undone')
