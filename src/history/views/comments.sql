-- $1: schema, $2: names. The comments on what has one of the names: a relation, or a function of one
-- instant.
select c.relname::pg_catalog.text as name, 'relation' as kind, d.description as text
from pg_catalog.pg_class as c
join pg_catalog.pg_description as d
    on d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.objoid = c.oid
    and d.objsubid = 0
where c.relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident($1))
    and c.relname = any ($2)
union all
select p.proname, 'function', d.description
from pg_catalog.pg_proc as p
join pg_catalog.pg_description as d
    on d.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass
    and d.objoid = p.oid
    and d.objsubid = 0
where p.pronamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident($1))
    and p.proname = any ($2)
    and p.pronargs = 1
    and p.proargtypes[0] = 'pg_catalog.timestamptz'::pg_catalog.regtype
