-- $1: schema, $2: tables, or NULL for all, $3: privileges. The tables that this role lacks one of the
-- privileges on, or of which it does not see all rows. A privilege on some columns counts: which are
-- needed is known to whoever granted it.
select c.relname::pg_catalog.text as name,
    pg_catalog.quote_ident(n.nspname) as schema,
    pg_catalog.quote_ident(c.relname) as "table",
    pg_catalog.quote_ident(current_user) as role,
    is_closed, lacking,
    pg_catalog.pg_has_role(c.relowner, 'usage') as is_owner,
    array(
        select pg_catalog.quote_ident(polname)
        from pg_catalog.pg_policy
        where polrelid = c.oid
        order by polname
    ) as policies
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral (
    select not pg_catalog.has_schema_privilege(n.oid, 'usage') as is_closed,
        array(
            select privilege
            from pg_catalog.unnest($3) as privilege
            where not pg_catalog.has_table_privilege(c.oid, privilege)
                and not pg_catalog.has_any_column_privilege(c.oid, privilege)
        ) as lacking,
        pg_catalog.row_security_active(c.oid) as hides_rows
) as found
where n.nspname = $1
    and ($2 is null or c.relname = any ($2))
    and c.relkind in ('r', 'p')
    and (is_closed or lacking <> '{}' or hides_rows)
order by c.relname
