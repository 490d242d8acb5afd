select load_id, action, status, instants, absence, effective_at, columns, digested_as,
    defaults::text as defaults, default_misfits
from hayloft.load
-- A word that is not known is read, so that it is noticed.
where table_name = $1 and action not in ('undo', 'redo')
  and status not in ('loading', 'skipped', 'failed')
