-- $1: the dimensions. At which instants their loads, undos and redos may have let facts in: while they ran.
-- A load that gives its rows their instant did at that instant, and earlier versions of Hayloft did so with
-- every load.
select started_at as from, started_at + (seconds_total + 60) * interval '1 second' as to
from hayloft.load
where table_name = any ($1) and status in ('loaded', 'undone')
union all
select effective_at, effective_at
from hayloft.load
where table_name = any ($1) and action = 'load' and instants = 'shared' and effective_at is not null
