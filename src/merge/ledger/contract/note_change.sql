insert into hayloft.contract_change (table_name, before, after)
values ($1, $2::jsonb, $3::jsonb)
