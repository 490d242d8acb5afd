update hayloft.column_identity
set dropped_at = pg_catalog.clock_timestamp()
where table_name = $1 and column_id = $2
