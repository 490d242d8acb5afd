insert into hayloft.load
    (claim_id, parent_load_id, table_name, file_name, file_bytes, file_sha256, header, status)
select claim_id, parent_load_id, $1, file_name, file_bytes, file_sha256, header, 'loading'
from unnest($2, $3, $4, $5, $6, $7)
    with ordinality as delivered
        (claim_id, parent_load_id, file_name, file_bytes, file_sha256, header, place)
-- So that they are numbered in their order.
order by place
-- A claim that had its load before gets no row.
on conflict (claim_id) do nothing
returning claim_id, load_id
