-- $1: table, $2: the id of one of its columns. Takes what held rows said of a column that is gone out of
-- what will be let in. It goes by the name that it had when it was last seen.
update hayloft.held_fact as held
set row = held.row - gone.name,
    misfits = held.misfits - gone.column_id,
    dropped = held.dropped || pg_catalog.jsonb_build_object(
        gone.column_id, coalesce(held.misfits ->> gone.column_id, held.row ->> gone.name)
    ),
    reason = case when held.misfits = '{}' then held.reason else
        'What the row says fits its table again since a migration. It goes in when its load is undone and '
        'redone, or with a newer row of it.'
    end
from hayloft.column_identity as gone
where gone.table_name = $1 and gone.column_id = $2
  and held.table_name = gone.table_name
  and (held.row ? gone.name or held.misfits ? gone.column_id)
