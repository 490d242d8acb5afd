-- $1: table. What the ledger says of the loads of a table and cannot be: the code, how many loads,
-- and some of them.
with asked as (
    select load.load_id, fault.code
    from hayloft.load
    cross join lateral (
        select load.action not in ('undo', 'redo') and load.status in ('loaded', 'undone') as speaks
    ) as meant
    left join lateral (
        select sum(octet_length(manifest.keys)) / 8 as keys,
            sum(octet_length(manifest.lines)) / 4 as lines,
            sum(octet_length(manifest.digests)) / 4 as digests,
            count(*) filter (where manifest.lines is null) as parts_without_lines
        from hayloft.manifest
        where manifest.load_id = load.load_id and manifest.kind = 'read'
    ) as spoken on true
    left join lateral (
        select count(*) as rows, min(observation.at) as earliest, max(observation.at) as latest
        from hayloft.observation
        where observation.load_id = load.load_id
    ) as observed on true
    left join lateral (
        select count(distinct reject.line) as lines
        from hayloft.reject
        where reject.load_id = load.load_id and reject.severity = 'error'
    ) as rejected on true
    left join lateral (
        select turn.action
        from hayloft.load as turn
        where turn.target_load_id = load.load_id and turn.action in ('undo', 'redo')
        order by turn.load_id desc
        limit 1
    ) as turned on true
    cross join lateral (values
        ('rows_do_not_add_up', rows_read <> rows_accepted + rows_rejected + rows_duplicate),
        (
            'keys_do_not_add_up',
            meant.speaks and rows_accepted - rows_held
                <> keys_inserted + keys_updated + keys_unchanged + keys_reopened + keys_corrected
                    + keys_split + keys_moved + keys_late_unchanged + keys_closed + keys_absent_already
        ),
        ('rejects_missing', meant.speaks and rows_rejected <> rejected.lines),
        (
            'manifest_incomplete',
            coalesce(spoken.keys, 0)
                    <> case when meant.speaks and instants = 'shared' then rows_accepted else 0 end
                -- Loads of before the lines were kept have none.
                or spoken.parts_without_lines = 0 and spoken.lines <> spoken.keys
                -- And those of before the digests were.
                or instants = 'shared' and digested_as is not null
                    and coalesce(spoken.digests, 0) <> coalesce(spoken.keys, 0)
        ),
        (
            'observations_incomplete',
            case
                -- A delete is not written down where the contract ignores deletes.
                when meant.speaks and instants = 'own' then
                    observed.rows not between rows_accepted - keys_absent_already and rows_accepted
                else observed.rows > 0
            end
        ),
        (
            'instants_out_of_bounds',
            earliest_at > effective_at
                or observed.earliest < earliest_at or observed.latest > effective_at
        ),
        (
            'status_against_turns',
            coalesce(turned.action = 'undo', false) <> (status = 'undone')
                or turned.action is not null and not meant.speaks
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
select 'payload_of_no_row', count(*),
    (array_agg(format('%s (load %s, line %s)', payload.key, payload.load_id, payload.line)
        order by payload.load_id, payload.line))[1:5]
from hayloft.payload
join hayloft.load using (load_id)
-- Those of loads with one instant are looked for in their manifests.
where load.table_name = $1
    and not (
        load.instants = 'shared' and load.action in ('load', 'takeover', 'baseline')
        and load.status in ('loaded', 'undone')
    )
    and not exists (
        select from hayloft.observation as said
        where said.key = payload.key and said.load_id = payload.load_id and said.line = payload.line
    )
having count(*) > 0
union all
select 'held_for_nothing', count(*),
    (array_agg(format('load %s, line %s', held.load_id, held.source_line)
        order by held.load_id, held.source_line))[1:5]
from hayloft.held_fact as held
where held.table_name = $1 and held.misfits = '{}' and not exists (
    select from hayloft.held_reference as waits
    where waits.table_name = held.table_name and waits.fact_key = held.fact_key
)
having count(*) > 0
