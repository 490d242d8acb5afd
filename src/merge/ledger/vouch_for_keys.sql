select key_scheme = $2 and key_fingerprint = $3 as same_keys, natural_key = $4 as same_columns
from hayloft.contract
where table_name = $1
