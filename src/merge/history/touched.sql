select key from pg_temp.hayloft_touched where $1 is null or key > $1 order by key limit $2
