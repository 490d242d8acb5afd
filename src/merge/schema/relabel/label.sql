-- What a label is called now. `labels` has new names by old ones.
create or replace function pg_temp.hayloft_relabelled(kept text, labels jsonb, type_sql text) returns text
language sql as $$
    select coalesce(labels ->> kept, kept)
$$
