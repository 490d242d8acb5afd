insert into hayloft.table_identity (table_name, relation, ledger)
values ($1, $2, 'hayloft.load'::pg_catalog.regclass)
