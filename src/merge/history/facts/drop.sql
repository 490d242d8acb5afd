drop table pg_temp.hayloft_refolded_fact;
drop table pg_temp.hayloft_said;
