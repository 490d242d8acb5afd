select observation.key, observation.at, observation.load_id, observation.line,
    observation.presence, observation.sequence, observation.digest
from hayloft.observation
join hayloft.load using (load_id)
where observation.key between $1 and $2
  and load.table_name = $3 and load.status in ('loaded', 'undone')
