-- $1: schema, $2: table. Whether this role may keep others from writing to it.
select pg_catalog.has_table_privilege(c.oid, 'update, delete, truncate') as answer
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p')
