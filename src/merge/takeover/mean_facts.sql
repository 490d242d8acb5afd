-- $1: load, $2: the columns of which it speaks, $3: the instant of all its rows. It counts from now on.
update hayloft.load
set status = 'loaded', columns = $2, effective_at = $3
where load_id = $1
