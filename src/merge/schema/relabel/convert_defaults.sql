-- $1: table, $2: the id of one of its columns, $3: new labels by old ones, $4: the column's type. Gives the
-- defaults that loads have of the column its new labels, and marks what cannot get them.
update hayloft.load as load
set defaults = case
        when said.relabelled is null then load.defaults
        else load.defaults || pg_catalog.jsonb_build_object($2::text, said.relabelled)
    end,
    default_misfits = load.default_misfits
        || case when said.relabelled is null then array[$2::text] else '{}' end
from (
    select l.load_id, l.defaults ->> $2 as kept,
        pg_temp.hayloft_relabelled(l.defaults ->> $2, $3::pg_catalog.jsonb, $4) as relabelled
    from hayloft.load as l
    where l.table_name = $1 and l.defaults ->> $2 is not null and not $2 = any (l.default_misfits)
    offset 0
) as said
where load.load_id = said.load_id and said.relabelled is distinct from said.kept
