-- $1: a table's oid. Whether it has room for rows. The server waits for whoever has the table alone.
select c.relkind = 'p' or pg_catalog.pg_relation_size(c.oid) > 0 as answer
from pg_catalog.pg_class as c
where c.oid = $1
