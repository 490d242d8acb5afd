select manifest.load_id, manifest.kind, manifest.keys, manifest.lines, manifest.digests
from hayloft.load
join hayloft.manifest using (load_id)
where load.table_name = $3 and load.action in ('load', 'takeover', 'baseline')
  and load.status in ('loaded', 'undone')
  and manifest.first_key <= $2 and manifest.last_key >= $1
