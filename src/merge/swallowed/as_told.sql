-- Whether rows are in the table as the statement says that writes them: a trigger or a rule may make
-- something else of them, and so may one of another table that it is a part of. Bind: the table.
select c.relkind = 'r'
    and not c.relhasrules
    and not exists (select from pg_catalog.pg_trigger where tgrelid = c.oid and not tgisinternal)
    and not exists (select from pg_catalog.pg_inherits where c.oid in (inhrelid, inhparent))
    as answer
from pg_catalog.pg_class as c
where c.oid = $1::pg_catalog.regclass
