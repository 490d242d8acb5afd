-- $1: schema, $2: table, then for each column that it has just got $3: id, $4: name. Each is a text.
insert into hayloft.column_identity (table_name, column_id, name, number, type)
select $2, added.id, added.name, a.attnum, pg_catalog.format_type(a.atttypid, a.atttypmod)
from rows from (pg_catalog.unnest($3), pg_catalog.unnest($4)) as added (id, name)
join pg_catalog.pg_namespace as n on n.nspname = $1
join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = $2
join pg_catalog.pg_attribute as a
    on a.attrelid = c.oid and a.attname = added.name and not a.attisdropped
on conflict do nothing
