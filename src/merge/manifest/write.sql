insert into hayloft.manifest (load_id, part, keys) values ($1, $2, $3)
