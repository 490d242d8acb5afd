-- The instants that a text means, the earliest first. One that names a zone, or how far it is from UTC, is one
-- instant; any other is a time of the zone that is given. The end of a version is a step behind it, or where
-- the next day begins.
create or replace function pg_temp.hayloft_told_instants(told text, zone text, step interval, is_last_day boolean)
returns timestamptz[] language plpgsql set timezone to 'UTC' as $$
declare
    at timestamptz := told::timestamptz;
    shown timestamp := told::timestamp;
begin
    if told is null then
        return null;
    end if;
    -- Only a text without a zone is another instant where the session has another zone.
    perform pg_catalog.set_config('TimeZone', 'Etc/GMT-1', true);
    if told::timestamptz is distinct from at then
        at := null;
    end if;
    if is_last_day then
        shown := coalesce(pg_catalog.timezone(zone, at), shown)::date + 1;
        return pg_temp.hayloft_instants(shown, zone, true);
    end if;
    if at is null then
        return pg_temp.hayloft_instants(shown + step, zone, false);
    end if;
    return array[at + step];
end
$$
