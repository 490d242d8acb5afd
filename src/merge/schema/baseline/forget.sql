delete from hayloft.load where load_id = $1
