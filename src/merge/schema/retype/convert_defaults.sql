-- $1: table, $2: the id of one of its columns, $3: the type that the column had, $4: the one that it has.
-- Converts what loads have of the column that do not speak of it, and marks what does not fit.
update hayloft.load as load
set defaults = case
        when said.converted is null then load.defaults
        else load.defaults || pg_catalog.jsonb_build_object($2::text, said.converted)
    end,
    default_misfits = pg_catalog.array_remove(load.default_misfits, $2::text)
        || case when said.converted is null then array[$2::text] else '{}' end
from (
    select l.load_id,
        pg_temp.hayloft_converted(
            l.defaults ->> $2, case when $2 = any (l.default_misfits) then null else $3 end, $4
        ) as converted
    from hayloft.load as l
    where l.table_name = $1 and l.defaults ->> $2 is not null
    offset 0
) as said
where load.load_id = said.load_id
