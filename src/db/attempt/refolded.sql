select ctid, case when hayloft_load = $1 then hayloft_line end, hayloft_key
from pg_temp.hayloft_sieved
