-- The loads of a table that spoke of its keys. A word that is not known is read, so that it is
-- noticed.
select load_id, file_name as file, status, action, effective_at, started_at, absence, columns, defaults
from hayloft.load
where table_name = $1 and action not in ('undo', 'redo')
  and status not in ('loading', 'skipped', 'failed')
  and effective_at is not null
order by load_id
