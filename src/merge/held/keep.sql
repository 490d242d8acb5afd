-- Notes why a fact stays held. Binds: the fact table's name, its turn, the reason.
update hayloft.held_fact as held
set reason = $3
from pg_temp.hayloft_waiting as waiting
where waiting.turn = $2 and held.table_name = $1 and held.fact_key = waiting.fact_key
