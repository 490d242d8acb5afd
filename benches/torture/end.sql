-- Everything that loads leave, but ids and times, as one text. A file that was loaded just before the
-- program was killed, and is named again, is skipped: such rows count for nothing.
with counted as (
    select * from hayloft.load where status <> 'skipped'
), lines (part, line) as (
    select 1, format('user %s|%s|%s|%s|%s|%s|%s', email, version_number, name, date_of_birth,
        effective_end_date is null, file_name, source_line)
    from datawarehouse.users left join counted using (load_id)
    union all
    select 2, format('shop %s|%s|%s|%s|%s|%s', code, version_number, city,
        effective_end_date is null, file_name, source_line)
    from datawarehouse.shops left join counted using (load_id)
    union all
    select 3, format('transaction %s|%s|%s|%s|%s|%s', transactions.id, amount, transaction_date,
        updated_at > created_at, file_name, source_line)
    from datawarehouse.transactions left join counted using (load_id)
    union all
    select 4, format('held %s|%s|%s|%s', held.table_name, row - 'user_id', file_name, held.source_line)
    from hayloft.held_fact as held left join counted using (load_id)
    union all
    select 5, format('reject %s|%s|%s|%s|%s', file_name, line, column_name, kind, reject.status)
    from hayloft.reject join counted using (load_id)
    union all
    select 6, format('load %s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s', table_name, file_name, action,
        status, to_jsonb(counted) ->> 'set_aside', rows_read, rows_accepted, rows_rejected, rows_duplicate, rows_held,
        keys_inserted, keys_updated, keys_closed_by_absence, facts_released)
    from counted
    union all
    select 7, format('observed %s', count(*)) from hayloft.observation
    union all
    select 8, format('payload %s', row) from hayloft.payload
    union all
    select 9, format('manifest %s|%s|%s', file_name, kind, count(*))
    from hayloft.manifest join counted using (load_id) group by file_name, kind
)
select string_agg(line, e'\n' order by part, line) as answer from lines
