select format('%s %s %s %s %s', email, version_number, name, file_name,
    case when effective_end_date is null then 'true' else 'false' end) as line
from datawarehouse.users left join hayloft.load using (load_id)
union all
select format('paid %s %s', id, amount) from datawarehouse.transactions
union all
select format('held %s %s', row ->> 'id', (row ->> 'amount')::numeric(12, 2)) from hayloft.held_fact
