-- The landed rows, with the turn in which the key of each is tried: rows of one key together, keys in
-- the order in which the file first names them.
create temporary table hayloft_searched on commit drop as
select landing.*, (dense_rank() over (order by first.line) - 1)::bigint as hayloft_turn,
    false as hayloft_is_alternative
from pg_temp.hayloft_landing as landing
join (
    select hayloft_key, min(hayloft_line) as line
    from pg_temp.hayloft_landing
    group by hayloft_key
) as first using (hayloft_key);
create index on pg_temp.hayloft_searched (hayloft_turn);
analyze pg_temp.hayloft_searched;
truncate pg_temp.hayloft_landing
