select exists (
    select from hayloft.contract
    where table_name = $1 and (key_scheme <> $2 or key_fingerprint <> $3)
) as answer
