-- A load has an end, or it was never committed.

alter table hayloft.load
    -- Where the file of a failed load is set aside: with those that have to be mended (`failed`), or
    -- with those that a person has to let in (`held`). NULL for every other load.
    add column set_aside text
        check (set_aside is null or set_aside in ('failed', 'held') and status = 'failed');

-- Until now the sentence told one from the other.
update hayloft.load
set set_aside = case
        when reason like '%`hayloft accept-closes` loads the file once.' then 'held' else 'failed'
    end
where status = 'failed';

-- A row is `loading` from the first statement of its transaction to the last. Whatever the client
-- believes to have happened between, it cannot commit such a row.
create function hayloft.refuse_load_without_end() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select from hayloft.load where load_id = new.load_id and status = 'loading') then
        raise exception 'load % has no end, so it cannot be committed', new.load_id
            using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end
$$;

create constraint trigger load_has_an_end
    after insert or update on hayloft.load
    deferrable initially deferred
    for each row when (new.status = 'loading')
    execute function hayloft.refuse_load_without_end();
