-- The last time that a file of these bytes was refused, and the last load of its table since.
-- Binds: the table, the digest.
select held.load_id as held, held.started_at as held_at, max(newer.load_id) as newer
from (
    select load_id, started_at
    from hayloft.load
    where table_name = $1 and file_sha256 = $2 and status = 'failed'
    order by load_id desc
    limit 1
) as held
join hayloft.load as newer
    on newer.table_name = $1 and newer.load_id > held.load_id
   and newer.status = 'loaded' and newer.action = 'load'
group by held.load_id, held.started_at
