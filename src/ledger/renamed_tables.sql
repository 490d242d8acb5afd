-- $1: schema. The tables that the ledger knows by a name that is not theirs any more.
select i.table_name as before, c.relname::text as now
from hayloft.table_identity as i
join pg_catalog.pg_class as c on c.oid = i.relation
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where i.ledger = pg_catalog.to_regclass('hayloft.load')
  and n.nspname = $1 and c.relname <> i.table_name
order by i.table_name
