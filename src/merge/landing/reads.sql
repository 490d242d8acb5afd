-- Whether the server can read a text as a value of a type. A function of this session alone.
-- Postgres 16 has pg_input_is_valid; on 15 the only way to ask is to try.
create or replace function pg_temp.hayloft_reads(value text, wanted text) returns boolean
language plpgsql as $$
begin
    execute format('select cast($1 as %s)', wanted) using value;
    return true;
exception when others then
    return false;
end
$$;
