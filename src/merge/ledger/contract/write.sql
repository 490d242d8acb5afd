update hayloft.contract
set mode = $2, effective = $3, sequence = $4, roles = $5::jsonb, new_column = $6,
    recorded_at = clock_timestamp()
where table_name = $1
