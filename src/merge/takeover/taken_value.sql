-- Converts one value of another table by the rules of a type. A value that the type does not take as it is, or takes
-- only cut or rounded, is NULL.
create or replace function pg_temp.hayloft_taken_value(kept text, type_sql text) returns text
language plpgsql as $$
declare
    plain text := type_sql::pg_catalog.regtype::pg_catalog.text;
    converted text;
    is_same boolean := true;
begin
    execute pg_catalog.format('select ($1::%s)::pg_catalog.text', type_sql) into converted using kept;
    if plain = 'json' then
        return kept::pg_catalog.jsonb::pg_catalog.text;
    end if;
    if plain <> type_sql then
        execute pg_catalog.format('select ($1::%1$s) is not distinct from ($1::%2$s)::%1$s', plain, type_sql)
            into is_same using kept;
    end if;
    return case when is_same then converted end;
exception when others then
    return null;
end
$$
