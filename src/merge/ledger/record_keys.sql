-- A row that is there is left alone: an update would lock it to the end of the load, and loads of
-- several fact tables ask for the same dimension's.
insert into hayloft.contract (table_name, key_scheme, key_fingerprint, natural_key)
values ($1, $2, $3, $4)
on conflict (table_name) do nothing
