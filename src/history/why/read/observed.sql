-- What rows with instants of their own said of the key. Two tables may have a key in common.
select observation.load_id, observation.line, observation.at, observation.presence,
    coalesce(observation.sequence, '') as sequence
from hayloft.observation
join hayloft.load using (load_id)
where observation.key = $2 and load.table_name = $1
