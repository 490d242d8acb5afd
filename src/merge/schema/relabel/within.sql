-- A value with labels somewhere within it stays as it is if none of those that are called otherwise can be in
-- it. NULL where one may be: what of its text is the label cannot be told.
create or replace function pg_temp.hayloft_relabelled(kept text, labels jsonb, type_sql text) returns text
language plpgsql as $$
begin
    execute pg_catalog.format('select ($1::%s)', type_sql) using kept;
    return case
        when not exists (
            select from pg_catalog.jsonb_object_keys(labels) as old (label)
            where pg_catalog.strpos(kept, old.label) > 0
        ) then kept
    end;
exception when others then
    return null;
end
$$
