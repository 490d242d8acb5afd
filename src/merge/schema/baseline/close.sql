-- $1: load. Its rows change nothing that the table shows.
update hayloft.load
set status = 'loaded', effective_at = stated.latest, earliest_at = stated.earliest,
    rows_read = stated.rows, rows_accepted = stated.rows, keys_unchanged = stated.rows
from (
    select count(*) as rows, min(at) as earliest, max(at) as latest
    from hayloft.observation
    where load_id = $1
) as stated
where load.load_id = $1
