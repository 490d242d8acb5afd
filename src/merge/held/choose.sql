-- Lets some of the waiting facts be those that are let in. Binds: the first turn, the one after the last.
insert into pg_temp.hayloft_met
select fact_key from pg_temp.hayloft_waiting where turn >= $1 and turn < $2
