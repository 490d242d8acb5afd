-- The columns that tables have now. Bind: the tables.
select wanted.name, array (
    select attribute.attname::text
    from pg_attribute as attribute
    where attribute.attrelid = wanted.name::regclass
        and attribute.attnum > 0 and not attribute.attisdropped
) as columns
from unnest($1) as wanted (name)
