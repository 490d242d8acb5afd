-- Whether a value is the same again once it was of the other type. Where the types cannot be cast into each
-- other, or values cannot be compared, its text tells.
create or replace function pg_temp.hayloft_comes_back(kept text, plain text, type_sql text) returns boolean
language plpgsql as $$
declare
    is_same boolean;
begin
    execute pg_catalog.format(
        'select ($1::%2$s)::%1$s is not distinct from $1::%1$s',
        case plain when 'json' then 'pg_catalog.jsonb' else plain end, type_sql
    ) into is_same using kept;
    return is_same;
exception when others then
    execute pg_catalog.format('select ($1::%s)::pg_catalog.text = $1', type_sql) into is_same using kept;
    return is_same;
end
$$
