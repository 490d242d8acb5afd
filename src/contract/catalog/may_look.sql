-- $1: a table's oid. Whether this role sees all of its rows.
select pg_catalog.has_table_privilege($1, 'select') and not pg_catalog.row_security_active($1) as answer
