update hayloft.reject
set status = 'replayed'
where load_id = $1 and status = 'open' and severity = 'error'
