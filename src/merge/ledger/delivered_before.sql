select load_id,
    load_id = (
        select max(load_id) from hayloft.load
        where table_name = $1 and status = 'loaded' and action = 'load'
    ) as latest
from hayloft.load
where table_name = $1 and file_sha256 = $2 and status = 'loaded' and action = 'load'
order by load_id desc
limit 1
