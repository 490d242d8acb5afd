-- What an array of labels is now. `labels` has new names by old ones. NULL where it has more dimensions than
-- one, or counts from another number than 1.
create or replace function pg_temp.hayloft_relabelled(kept text, labels jsonb, type_sql text) returns text
language sql as $$
    select case
        when kept = '{}' then kept
        when pg_catalog.array_ndims(kept::text[]) = 1 and pg_catalog.array_lower(kept::text[], 1) = 1 then (
            select pg_catalog.array_agg(coalesce(labels ->> element.label, element.label) order by element.place)
            from pg_catalog.unnest(kept::text[]) with ordinality as element (label, place)
        )::text
    end
$$
