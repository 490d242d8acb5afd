-- The landed rows that would be used instead of others, with the turn of their key.
insert into hayloft_searched
select landing.*, turns.hayloft_turn, true
from pg_temp.hayloft_landing as landing
join (
    select distinct hayloft_key, hayloft_turn from pg_temp.hayloft_searched
) as turns using (hayloft_key);
truncate pg_temp.hayloft_landing
