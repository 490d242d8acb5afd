-- $1: load, $2: for each of its columns in which form its values were digested.
update hayloft.load set digested_as = $2 where load_id = $1
