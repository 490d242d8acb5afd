-- $1: claim, $2: table, $3: where the rows are from. No file is behind it.
insert into hayloft.load
    (claim_id, table_name, file_name, file_bytes, file_sha256, status, action)
values ($1, $2, $3, 0, '', 'loading', 'takeover')
on conflict (claim_id) do nothing
returning load_id
