update hayloft.load set status = $2 where load_id = $1
