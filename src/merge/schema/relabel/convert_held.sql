-- $1: table, $2: the id of one of its columns, $3: new labels by old ones, $4: the column's type, $5: the type
-- as which a held value is read without its labels. Gives what held rows say of the column its new labels, and
-- takes what cannot get them out of what will be let in.
update hayloft.held_fact as held
set row = (held.row - said.name) || case
        when said.relabelled is null then '{}'::jsonb
        else pg_catalog.jsonb_build_object(said.name, pg_temp.hayloft_as_json(said.relabelled, $4))
    end,
    misfits = held.misfits || case
        when said.relabelled is null then pg_catalog.jsonb_build_object($2::text, said.kept)
        else '{}'::jsonb
    end
from (
    select waiting.table_name, waiting.fact_key, renamed.name, kept.kept,
        pg_temp.hayloft_relabelled(kept.kept, $3::pg_catalog.jsonb, $4) as relabelled
    from hayloft.column_identity as renamed
    join hayloft.held_fact as waiting using (table_name)
    cross join lateral (
        select pg_temp.hayloft_printed(nullif(waiting.row -> renamed.name, 'null'), $5) as kept
    ) as kept
    where renamed.table_name = $1 and renamed.column_id = $2 and kept.kept is not null
    offset 0
) as said
where held.table_name = said.table_name and held.fact_key = said.fact_key
  and said.relabelled is distinct from said.kept
