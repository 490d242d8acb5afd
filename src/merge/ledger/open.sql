insert into hayloft.load
    (claim_id, parent_load_id, table_name, file_name, file_bytes, file_sha256, header, status)
values ($1, $2, $3, $4, $5, $6, $7, 'loading')
on conflict (claim_id) do nothing
returning load_id
