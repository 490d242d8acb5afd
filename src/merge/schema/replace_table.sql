update hayloft.table_identity
set relation = $2, ledger = 'hayloft.load'::pg_catalog.regclass, noted_at = pg_catalog.clock_timestamp()
where table_name = $1
