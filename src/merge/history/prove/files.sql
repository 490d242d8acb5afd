select load_id, file_name from hayloft.load where load_id = any ($1)
