-- Whether there is a list of applied migrations, and what this role may do with it. Diesel makes it with
-- the first migration.
select pg_catalog.quote_ident(current_user) as role,
    list.oid is not null as there,
    coalesce(
        pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_table_privilege(list.oid, 'select'),
        false
    ) as readable,
    case
        when list.oid is not null then pg_catalog.has_table_privilege(list.oid, 'insert')
        else pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create')
            and pg_catalog.has_schema_privilege(n.oid, 'create')
    end as writable
from pg_catalog.pg_namespace as n
left join pg_catalog.pg_class as list
    on list.relnamespace = n.oid and list.relname = '__diesel_schema_migrations'
where n.nspname = 'public'
