select manifest.keys
from hayloft.manifest
join hayloft.load using (load_id)
where load.table_name = $1 and load.load_id >= $2 and load.status = 'loaded'
