-- The parts of manifests that the key would lie in.
select load.load_id, manifest.kind, manifest.keys, manifest.lines
from hayloft.load
join hayloft.manifest using (load_id)
where load.table_name = $1 and load.action in ('load', 'takeover', 'baseline')
  and load.status in ('loaded', 'undone')
  and $2 between manifest.first_key and manifest.last_key
