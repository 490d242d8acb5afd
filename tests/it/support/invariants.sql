-- What is wrong with a warehouse whose files all came in order, and were all let be: one sentence a
-- row. Then, and only then, the counts of each load are the versions that it began and ended; of a
-- warehouse with late files, or with undone loads, the check of the program says all there is to
-- say. It looks at whatever dimensions there are, by their primary key of durable key and start.

create function pg_temp.miscounted_loads() returns setof text
language plpgsql as $$
declare
    dimension regclass;
begin
    for dimension in
        select found.indrelid::regclass
        from pg_index as found
        join pg_class as relation on relation.oid = found.indrelid
        join pg_attribute as start on start.attrelid = found.indrelid and start.attnum = found.indkey[1]
        where found.indisprimary
          and relation.relnamespace = 'datawarehouse'::regnamespace
          and start.attname = 'effective_start_date'
    loop
        return query execute format($sql$
            with told as (
                select *, lag(effective_at) over (order by load_id) as before
                from hayloft.load
                where table_name = %2$L and status in ('loaded', 'undone')
            )
            select '%1$s: load ' || load_id || ' counted other changes than it made'
            from told
            where not exists (
                    select from told
                    where instants = 'own' or action <> 'load' or effective_at <= before
                )
                and (keys_inserted + keys_updated + keys_reopened, keys_deactivated) is distinct from (
                    (select count(*) from %1$s as version where version.load_id = told.load_id),
                    (
                        select count(*) from %1$s as version
                        where version.effective_end_date = told.effective_at
                    )
                )
        $sql$, dimension, (select relname from pg_class where oid = dimension));
    end loop;
end
$$;

select * from pg_temp.miscounted_loads();
