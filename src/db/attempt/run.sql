-- Runs a statement, and catches what its table has against it.
select written, coalesce(state, '') as state, constraint_name as constraint, table_name, column_name,
    domain, triggers
from pg_temp.hayloft_attempt($1, $2, $3, $4, $5)
