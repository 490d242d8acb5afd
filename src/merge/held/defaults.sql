-- The statement that gives the defaults of a table's columns that must have a value: what a row has that
-- was held before such a column came. NULL where there is none. Bind: the table.
select 'select pg_catalog.jsonb_build_object('
    || pg_catalog.string_agg(
        pg_catalog.format('%L, pg_catalog.to_jsonb(%s)', a.attname, pg_catalog.pg_get_expr(d.adbin, d.adrelid)),
        ', ')
    || ')::pg_catalog.text as value' as statement
from pg_catalog.pg_attribute as a
join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = $1::pg_catalog.regclass and a.attnotnull and not a.attisdropped
  and a.attgenerated = '' and pg_catalog.pg_get_expr(d.adbin, d.adrelid) not like 'nextval(%'
