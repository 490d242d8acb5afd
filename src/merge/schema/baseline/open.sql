-- $1: claim, $2: table, $3: the id of the column. No file is behind it.
insert into hayloft.load
    (claim_id, table_name, file_name, file_bytes, file_sha256, status, action, instants, columns)
values ($1, $2, 'baseline of ' || $3, 0, '', 'loading', 'baseline', 'own', array[$3])
returning load_id
