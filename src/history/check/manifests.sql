-- $1: table. The parts of the manifests of its loads, in their order.
select manifest.load_id, manifest.kind, manifest.part as number, manifest.first_key, manifest.last_key,
    manifest.keys, manifest.lines
from hayloft.manifest
join hayloft.load using (load_id)
where load.table_name = $1
order by manifest.load_id, manifest.kind, manifest.part
