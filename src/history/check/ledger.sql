-- $1: table. What the ledger says of the loads of a table and cannot be: the code, how many loads,
-- and some of them.
with asked as (
    select load.load_id, fault.code
    from hayloft.load
    left join lateral (
        select sum(octet_length(manifest.keys)) / 8 as keys,
            sum(octet_length(manifest.lines)) / 4 as lines,
            count(*) filter (where manifest.lines is null) as parts_without_lines
        from hayloft.manifest
        where manifest.load_id = load.load_id and manifest.kind = 'read'
    ) as spoken on true
    cross join lateral (values
        ('rows_do_not_add_up', rows_read <> rows_accepted + rows_rejected + rows_duplicate),
        (
            'keys_do_not_add_up',
            action = 'load' and status in ('loaded', 'undone') and rows_accepted - rows_held
                <> keys_inserted + keys_updated + keys_unchanged + keys_reopened + keys_corrected
                    + keys_split + keys_moved + keys_late_unchanged + keys_closed + keys_absent_already
        ),
        (
            'manifest_incomplete',
            action = 'load' and status in ('loaded', 'undone') and instants = 'shared' and (
                coalesce(spoken.keys, 0) <> rows_accepted
                -- Loads of before the lines were kept have none.
                or spoken.parts_without_lines = 0 and spoken.lines <> spoken.keys
            )
        ),
        -- A load's row and its end are one transaction, so nobody sees one without the other.
        ('load_without_end', status = 'loading' and started_at < now())
    ) as fault (code, found)
    where load.table_name = $1 and fault.found
)
select code, count(*) as count,
    (array_agg(format('load %s', load_id) order by load_id))[1:5] as examples
from asked
group by code
union all
select 'held_for_nothing', count(*),
    (array_agg(format('load %s, line %s', held.load_id, held.source_line)
        order by held.load_id, held.source_line))[1:5]
from hayloft.held_fact as held
where held.table_name = $1 and not exists (
    select from hayloft.held_reference as waits
    where waits.table_name = held.table_name and waits.fact_key = held.fact_key
)
having count(*) > 0
