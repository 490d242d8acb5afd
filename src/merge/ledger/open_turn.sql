insert into hayloft.load
    (claim_id, table_name, file_name, file_bytes, file_sha256, status, action, target_load_id)
select $2, table_name, file_name, file_bytes, file_sha256, 'loading', $3, load_id
from hayloft.load
where load_id = $1
on conflict (claim_id) do nothing
returning load_id
