-- Whether a text is read as another type, and all of it is in the value: the widest type of its kind reads
-- the same.
create or replace function pg_temp.hayloft_is_parsed_whole(kept text, was text, type_sql text) returns boolean
language plpgsql as $$
declare
    plain text := pg_temp.hayloft_plain(type_sql);
    widest text;
    is_same boolean;
begin
    if pg_temp.hayloft_category(was) is distinct from 'S' or pg_temp.hayloft_category(type_sql) = 'S' then
        return false;
    end if;
    -- A word such as `today` is another time whenever it is read, and what is less than a microsecond is rounded.
    if pg_temp.hayloft_category(type_sql) = 'D'
        and (kept ~* '(now|today|tomorrow|yesterday)' or kept ~ '[.][0-9]{6}[0-9]*[1-9]')
    then
        return false;
    end if;
    widest := case
        when pg_temp.hayloft_category(type_sql) = 'N' then 'pg_catalog.numeric'
        when pg_temp.hayloft_category(type_sql) = 'D' then 'timestamp with time zone'
        else plain
    end;
    execute pg_catalog.format('select ($1::%2$s)::%1$s is not distinct from $1::%1$s', widest, type_sql)
        into is_same using kept;
    return is_same;
exception when others then
    return false;
end
$$
