update hayloft.contract
set key_scheme = $2, key_fingerprint = $3, natural_key = $4, recorded_at = clock_timestamp()
where table_name = $1
