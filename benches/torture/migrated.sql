-- What migrations leave, as one text.
with lines (line) as (
    select format('column %s.%s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod),
        attnotnull)
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where relnamespace in ('hayloft'::regnamespace, 'datawarehouse'::regnamespace) and attnum > 0
    union all
    select format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid))
    from pg_constraint
    where connamespace in ('hayloft'::regnamespace, 'datawarehouse'::regnamespace)
    union all
    select format('function %s %s', oid::regprocedure, md5(prosrc)) from pg_proc
    where pronamespace in ('hayloft'::regnamespace, 'datawarehouse'::regnamespace)
    union all
    select format('migration %s', version) from public.__diesel_schema_migrations
)
select string_agg(line, e'\n' order by line) as answer from lines
