-- What may make something else of rows on their way into a table: its triggers and rules, and those of
-- its parts. Bind: the table.
select coalesce(pg_catalog.string_agg(distinct pg_catalog.format('`%s`', found.name), ', '), '') as names
from (
    select t.tgname as name, t.tgrelid as relation
    from pg_catalog.pg_trigger as t where not t.tgisinternal
    union all
    select r.rulename, r.ev_class from pg_catalog.pg_rewrite as r
) as found
where found.relation = $1::pg_catalog.regclass
   or found.relation in (select relid from pg_catalog.pg_partition_tree($1::pg_catalog.regclass))
