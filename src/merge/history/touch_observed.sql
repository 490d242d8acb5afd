insert into pg_temp.hayloft_touched (key)
select distinct key from hayloft.observation where load_id = $1
on conflict do nothing
