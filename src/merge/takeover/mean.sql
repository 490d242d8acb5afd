-- $1: load, $2: the columns of which it speaks. It counts from now on.
update hayloft.load
set status = 'loaded', instants = 'own', columns = $2
where load_id = $1
