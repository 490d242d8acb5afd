delete from pg_temp.hayloft_landing as landing
where landing.hayloft_line = any ($1)
returning landing.hayloft_line as line
