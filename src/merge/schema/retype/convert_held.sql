-- $1: table, $2: the id of one of its columns, $3: the type that it had, $4: the one that it has. Converts
-- what held rows say of the column, and takes what does not fit out of what will be let in.
update hayloft.held_fact as held
set row = (held.row - said.name) || case
        when said.converted is null then '{}'::jsonb
        else pg_catalog.jsonb_build_object(said.name, pg_temp.hayloft_as_json(said.converted, $4))
    end,
    misfits = (held.misfits - $2::text) || case
        when said.converted is null then pg_catalog.jsonb_build_object($2::text, said.kept)
        else '{}'::jsonb
    end,
    reason = case when held.misfits = '{}' then held.reason else
        'What the row says fits its table again since a migration. It goes in when its load is undone and '
        'redone, or with a newer row of it.'
    end
from (
    select waiting.table_name, waiting.fact_key, retyped.name, kept.kept,
        pg_temp.hayloft_converted(
            kept.kept, case when waiting.misfits ? $2 then null else $3 end, $4
        ) as converted
    from hayloft.column_identity as retyped
    join hayloft.held_fact as waiting using (table_name)
    cross join lateral (
        select coalesce(
            waiting.misfits ->> $2,
            pg_temp.hayloft_printed(nullif(waiting.row -> retyped.name, 'null'), $3)
        ) as kept
    ) as kept
    where retyped.table_name = $1 and retyped.column_id = $2 and kept.kept is not null
    offset 0
) as said
where held.table_name = said.table_name and held.fact_key = said.fact_key
