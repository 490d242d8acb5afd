-- $1: a table's name. One for what the ledger has under this name, if it has anything.
select $1 || '#' || number::pg_catalog.text as name
from pg_catalog.generate_series(1, 1000000) as number
where exists (select from hayloft.table_identity where table_name = $1)
  and not exists (select from hayloft.table_identity where table_name = $1 || '#' || number::pg_catalog.text)
order by number
limit 1
