-- What kind of type it is. Of what nobody knows any more only the text is known.
create or replace function pg_temp.hayloft_category(type_sql text) returns text
language sql as $$
    select case
        when type_sql is null then 'S'
        else (
            select t.typcategory::pg_catalog.text
            from pg_catalog.pg_type as t
            where t.oid = pg_catalog.to_regtype(type_sql)
        )
    end
$$
