select observation.key, observation.at, observation.load_id, observation.line,
    observation.presence, observation.sequence, observation.digest
from pg_temp.hayloft_touched as touched
join hayloft.observation using (key)
join hayloft.load using (load_id)
where touched.key between $1 and $2
  and load.table_name = $3 and load.status in ('loaded', 'undone')
