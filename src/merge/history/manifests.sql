-- Of the parts of each manifest only those that may name a touched key: a few late rows must not
-- cost the reading of all that was ever said.
select manifest.load_id, manifest.kind, manifest.keys, manifest.lines, manifest.digests
from hayloft.load
join hayloft.manifest using (load_id)
where load.table_name = $3 and load.action in ('load', 'takeover', 'baseline')
  and load.status in ('loaded', 'undone')
  and manifest.first_key <= $2 and manifest.last_key >= $1
  and exists (
      select from pg_temp.hayloft_touched as touched
      where touched.key between manifest.first_key and manifest.last_key
  )
