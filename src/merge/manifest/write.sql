insert into hayloft.manifest (load_id, kind, part, first_key, last_key, keys, lines)
values ($1, $2, $3, $4, $5, $6, $7)
