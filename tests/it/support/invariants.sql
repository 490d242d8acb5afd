-- Everything that is wrong with a warehouse at rest: one sentence a row, none if it is sound. It
-- looks at whatever dimensions there are, by their primary key of durable key and start.

create function pg_temp.broken_histories() returns setof text
language plpgsql as $$
declare
    dimension regclass;
    durable_key name;
begin
    for dimension, durable_key in
        select found.indrelid::regclass, own.attname
        from pg_index as found
        join pg_class as relation on relation.oid = found.indrelid
        join pg_attribute as own on own.attrelid = found.indrelid and own.attnum = found.indkey[0]
        join pg_attribute as start on start.attrelid = found.indrelid and start.attnum = found.indkey[1]
        where found.indisprimary
          and relation.relnamespace = 'datawarehouse'::regnamespace
          and start.attname = 'effective_start_date'
    loop
        return query execute format($sql$
            with version as (
                select %2$I as durable_key, effective_start_date as starts, effective_end_date as ends,
                    is_current, version_number, load_id,
                    to_jsonb(each) - array['id', 'effective_start_date', 'effective_end_date',
                        'is_current', 'version_number', 'load_id', 'source_line'] as says,
                    row_number() over by_start as place,
                    lead(effective_start_date) over by_start as next_starts
                from %1$s as each
                window by_start as (partition by %2$I order by effective_start_date)
            ), beside as (
                select *, lag(says) over (partition by durable_key order by starts) as said_before
                from version
            )
            select '%1$s: an interval is empty or runs backwards' from version where ends <= starts
            union all
            select '%1$s: versions of a key do not touch' from version where ends is distinct from next_starts
            union all
            select '%1$s: version numbers are not 1..n' from version where version_number <> place
            union all
            select '%1$s: is_current is not the open end' from version where is_current <> (ends is null)
            union all
            select '%1$s: a key has no current version, or several' from version
            group by durable_key having count(*) filter (where ends is null) <> 1
            union all
            select '%1$s: a version says what the one before it said' from beside where says = said_before
            union all
            select '%1$s: a version is of no load, or of another instant' from version
            left join hayloft.load using (load_id)
            where load.status is distinct from 'loaded' or load.effective_at <> starts
            union all
            select '%1$s: load ' || load.load_id || ' counted other changes than it made'
            from hayloft.load
            where load.status = 'loaded' and load.table_name = %3$L
              and (load.keys_inserted + load.keys_updated, load.keys_deactivated) is distinct from (
                  (select count(*) from version where version.load_id = load.load_id),
                  (select count(*) from version where version.ends = load.effective_at)
              )
        $sql$, dimension, durable_key, (select relname from pg_class where oid = dimension));
    end loop;
end
$$;

select * from pg_temp.broken_histories()
union all
select 'load ' || load_id || ' has no end' from hayloft.load where status = 'loading'
union all
select 'load ' || load_id || ' counted other rejects than it kept'
from hayloft.load
where status = 'loaded' and rows_rejected <> (
    select count(distinct line) from hayloft.reject
    where reject.load_id = load.load_id and reject.severity = 'error'
)
union all
select 'load ' || load_id || ' accounts for other keys than it accepted'
from hayloft.load
where status = 'loaded'
  and rows_accepted <> rows_held + keys_inserted + keys_updated + keys_unchanged
union all
select 'a fact is of no load' from datawarehouse.transactions
left join hayloft.load using (load_id) where load.status is distinct from 'loaded'
union all
select 'a fact has no member' from datawarehouse.transactions as fact
where not exists (select from datawarehouse.users as member where member.user_id = fact.user_id)
union all
select 'a held fact waits for nothing, or for somebody who is there'
from hayloft.held_fact as held
left join hayloft.held_reference as waits using (table_name, fact_key)
where waits.dimension is null
   or waits.dimension = 'users' and exists (
       select from datawarehouse.users as member where member.user_id = waits.dimension_key
   );
