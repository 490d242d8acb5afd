-- The server's clock, read once. A clock that was set back must not make late data of a load, so
-- the instant is after every earlier one of the table; also after those of loads that were undone,
-- which may come back.
select greatest(
    clock_timestamp(),
    max(effective_at) + interval '1 microsecond'
) as instant
from hayloft.load
where table_name = $1 and status in ('loaded', 'undone')
