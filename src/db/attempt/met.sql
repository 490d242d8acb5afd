select met.ctid, case when held.load_id = $1 then held.source_line end, held.fact_key
from pg_temp.hayloft_sieved as met
join hayloft.held_fact as held on held.table_name = $2 and held.fact_key = met.fact_key
