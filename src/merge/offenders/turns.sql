-- How many turns there are.
select coalesce(max(hayloft_turn) + 1, 0) as count from pg_temp.hayloft_searched
