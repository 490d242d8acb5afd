drop table hayloft.contract_change;

alter table hayloft.contract
    drop column new_column,
    drop column mode,
    drop column effective,
    drop column sequence,
    drop column roles;

drop table hayloft.payload;
drop table hayloft.observation;

delete from hayloft.manifest where kind = 'unread';
alter table hayloft.manifest
    drop column kind,
    drop column first_key,
    drop column last_key,
    drop column lines;

-- What does not count must not come to count: for the older ledger such a load had failed.
delete from hayloft.manifest using hayloft.load
where load.load_id = manifest.load_id and load.status = 'undone';
update hayloft.load set status = 'failed', reason = 'It was undone.', effective_at = null
where status = 'undone';
-- An undo has the name and the bytes of the file that it was about. The older ledger would take it
-- for the file, and skip that one when it comes again.
update hayloft.load set status = 'skipped', reason = format('It was the %s of load %s.', action, target_load_id)
where action <> 'load';

drop index hayloft.load_target;
drop index hayloft.load_instant_kept;
alter table hayloft.load
    drop constraint load_status_check,
    drop column action,
    drop column target_load_id,
    drop column mode,
    drop column absence,
    drop column instants,
    drop column earliest_at,
    drop column columns,
    drop column added_columns,
    drop column closes_accepted_by,
    drop column keys_reopened,
    drop column keys_corrected,
    drop column keys_split,
    drop column keys_moved,
    drop column keys_late_unchanged,
    drop column keys_closed,
    drop column keys_absent_already,
    drop column keys_closed_by_absence,
    drop column keys_overwritten,
    drop column keys_filled,
    add constraint load_status_check
        check (status in ('loading', 'loaded', 'skipped', 'failed'));
