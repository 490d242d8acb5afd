-- About how many rows a table has: as the planner guesses it, from its size now and how full its
-- pages were; where nobody has looked yet, as if a row had 100 bytes. Bind: the table.
select case
        when relkind = 'p' then greatest(reltuples, 0)
        when relpages > 0 and reltuples >= 0
        then reltuples / relpages * (pg_relation_size(oid) / current_setting('block_size')::bigint)
        else pg_relation_size(oid) / 100
    end::bigint as count
from pg_class
where oid = $1::text::regclass
