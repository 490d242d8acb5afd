-- Loads write the whole contract down; a load of facts writes of the dimension only how its keys are
-- made. So what is not written was said either before any of it was kept, or never.
select natural_key, mode, effective, sequence, roles::text as roles, new_column,
    mode is null and exists (
        select from hayloft.load
        where table_name = $1 and status in ('loaded', 'undone') and action = 'load'
    ) as loaded_before_records
from hayloft.contract
where table_name = $1
