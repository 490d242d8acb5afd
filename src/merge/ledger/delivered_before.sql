-- Of each of these bytes, the last load. The latest of all is the one that holds from the latest
-- instant on. Numbers are given before the table's lock is taken, and mended rows take an old place.
select distinct on (file_sha256) file_sha256, load_id,
    load_id = (
        select load_id from hayloft.load
        where table_name = $1 and status = 'loaded' and action = 'load'
        order by effective_at desc, load_id desc
        limit 1
    ) as latest
from hayloft.load
where table_name = $1 and file_sha256 = any ($2) and status = 'loaded' and action = 'load'
order by file_sha256, effective_at desc, load_id desc
