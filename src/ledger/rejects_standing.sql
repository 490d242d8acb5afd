-- The rows count as put in only while a load that brought them all counts.
with error as (
    select line, status from hayloft.reject where load_id = $1 and severity = 'error'
)
select count(*) filter (where status = 'open') as open,
    count(*) filter (where status = 'replayed') as replayed,
    (
        select max(load_id) from hayloft.load
        where parent_load_id = $1 and status = 'loaded' and action = 'load'
          and rows_read >= (select count(distinct line) from error where status = 'replayed')
    ) as replay
from error
