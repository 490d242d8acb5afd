-- $1: table. Whether anything was ever loaded into it.
select exists (
    select from hayloft.load
    where table_name = $1 and status in ('loaded', 'undone')
) as answer
