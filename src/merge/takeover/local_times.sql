-- The instants at which clocks of a zone show a time: none if the zone skips it, two if it repeats it. A
-- day of which the zone skips midnight begins when it begins.
create or replace function pg_temp.hayloft_instants(shown timestamp, zone text, is_day boolean)
returns timestamptz[] language sql stable as $$
select case
    when shown is null then null
    when not pg_catalog.isfinite(shown) then array[pg_catalog.timezone(zone, shown)]
    else (
        select coalesce(pg_catalog.array_agg(distinct candidate.at order by candidate.at), '{}')
        from (select pg_catalog.timezone(zone, shown) as at) as usual
        -- By the distance from UTC of a day before, and of a day after.
        cross join lateral (
            values
                (usual.at),
                (pg_catalog.timezone('UTC', shown
                    - (pg_catalog.timezone(zone, usual.at - interval '24 hours')
                        - pg_catalog.timezone('UTC', usual.at - interval '24 hours')))),
                (pg_catalog.timezone('UTC', shown
                    - (pg_catalog.timezone(zone, usual.at + interval '24 hours')
                        - pg_catalog.timezone('UTC', usual.at + interval '24 hours'))))
        ) as candidate (at)
        where pg_catalog.timezone(zone, candidate.at) = shown
           or is_day and candidate.at = usual.at
              and pg_catalog.timezone(zone, usual.at)::date = shown::date
              and pg_catalog.timezone(zone, usual.at - interval '1 microsecond')::date < shown::date
    )
end
$$
