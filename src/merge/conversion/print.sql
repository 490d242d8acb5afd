-- Prints a value of a held row, which is kept as JSON, as its column's type does. NULL where that cannot be.
create or replace function pg_temp.hayloft_printed(kept jsonb, type_sql text) returns text
language plpgsql as $$
declare
    printed text;
begin
    if type_sql in ('json', 'jsonb') then
        return kept::pg_catalog.text;
    end if;
    execute pg_catalog.format(
        'select (held.value)::pg_catalog.text from pg_catalog.jsonb_to_record($1) as held (value %s)', type_sql
    ) into printed using pg_catalog.jsonb_build_object('value', kept);
    return printed;
exception when others then
    return kept #>> '{}';
end
$$
