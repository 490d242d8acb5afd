select load_id, table_name as "table", file_name as file, errors, warnings, started_at
from (
    select load_id,
        count(distinct line) filter (where severity = 'error') as errors,
        count(distinct line) filter (where severity = 'warning') as warnings
    from hayloft.reject
    where status = 'open'
    group by load_id
) as open
join hayloft.load using (load_id)
order by load_id desc
