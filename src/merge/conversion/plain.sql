-- A type without its modifier, and so that none is understood: `"bit"`, where `bit` is `bit(1)`. NULL where
-- there is no such type any more.
create or replace function pg_temp.hayloft_plain(type_sql text) returns text
language plpgsql as $$
begin
    return pg_catalog.format_type(pg_catalog.to_regtype(type_sql), -1);
exception when others then
    return null;
end
$$
