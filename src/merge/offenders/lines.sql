-- The lines of the rows that are tried in a turn.
select hayloft_line as line
from pg_temp.hayloft_searched
where hayloft_turn = $1
order by hayloft_line
