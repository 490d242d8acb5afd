-- $1: table. Says why held rows are not let in, of which the table does not take a value.
update hayloft.held_fact as held
set reason = (
    select pg_catalog.format(
        'The column `%s` is %s since a migration changed it, and does not take the row''s value as it is.',
        retyped.name, retyped.type
    )
    from hayloft.column_identity as retyped
    where retyped.table_name = held.table_name and held.misfits ? retyped.column_id
    order by retyped.column_id
    limit 1
)
where held.table_name = $1 and held.misfits <> '{}'
