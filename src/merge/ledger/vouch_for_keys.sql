-- Without the update, a row that was there before would not come back.
insert into hayloft.contract (table_name, key_scheme, key_fingerprint, natural_key)
values ($1, $2, $3, $4)
on conflict (table_name) do update set table_name = excluded.table_name
returning key_scheme = $2 and key_fingerprint = $3 as same_keys, natural_key = $4 as same_columns
