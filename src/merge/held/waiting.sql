-- The facts that can be let in, with the turn in which each is tried.
create temporary table hayloft_waiting on commit drop as
select fact_key, row_number() over (order by fact_key) - 1 as turn from pg_temp.hayloft_met;
truncate pg_temp.hayloft_met
