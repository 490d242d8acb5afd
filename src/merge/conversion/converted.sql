-- Converts one kept value by the rules of a type. A value that the type does not take as it is, or takes
-- only cut or rounded, is NULL. `was` is the type whose text it is, or NULL where nobody knows: it did not
-- fit before.
create or replace function pg_temp.hayloft_converted(kept text, was text, type_sql text) returns text
language plpgsql as $$
declare
    converted text;
begin
    execute pg_catalog.format('select ($1::%s)::pg_catalog.text', type_sql) into converted using kept;
    if not (
        pg_temp.hayloft_comes_back(kept, pg_temp.hayloft_plain(was), type_sql)
        or pg_temp.hayloft_is_parsed_whole(kept, was, type_sql)
    ) then
        return null;
    end if;
    if pg_temp.hayloft_plain(type_sql) = 'json' then
        return kept::pg_catalog.jsonb::pg_catalog.text;
    end if;
    return converted;
exception when others then
    return null;
end
$$
