-- $1: the dimensions. At which instants their loads, undos and redos may have let facts in, before the ledger
-- kept which it were.
select case when instants = 'shared' then effective_at else started_at end as from,
    case when instants = 'shared' then effective_at
        else started_at + (seconds_total + 60) * interval '1 second' end as to
from hayloft.load
where table_name = any ($1) and action = 'load' and effective_at is not null and let_in = 'not kept'
