-- Makes of a text that a type takes what a held row has: the value as JSON.
create or replace function pg_temp.hayloft_as_json(kept text, type_sql text) returns jsonb
language plpgsql as $$
declare
    held jsonb;
begin
    execute pg_catalog.format('select pg_catalog.to_jsonb($1::%s)', type_sql) into held using kept;
    return held;
end
$$
