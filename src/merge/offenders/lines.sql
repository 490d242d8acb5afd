-- The lines of the rows that are tried in a turn, and their key.
select hayloft_line as line, hayloft_key as key
from pg_temp.hayloft_searched
where hayloft_turn = $1 and not hayloft_is_alternative
order by hayloft_line
