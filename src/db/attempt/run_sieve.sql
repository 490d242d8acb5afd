-- Runs a statement for the rows of a temporary table, some at a time, and gives those that it is refused
-- for.
select line, key, coalesce(state, '') as state, constraint_name as constraint, table_name, column_name,
    domain, triggers
from pg_temp.hayloft_sieve($1, $2, $3, $4, $5, $6, $7, $8)
