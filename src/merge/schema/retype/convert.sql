-- $1: table, $2: the id of one of its columns, $3: the type that the column had, $4: the one that it has.
-- Converts what the ledger keeps of the column, and marks what does not fit. What did not fit before is of a
-- type of before that.
update hayloft.payload as payload
set row = case
        when said.converted is null then payload.row
        else payload.row || pg_catalog.jsonb_build_object($2::text, said.converted)
    end,
    misfits = pg_catalog.array_remove(payload.misfits, $2::text)
        || case when said.converted is null then array[$2::text] else '{}' end
from hayloft.load
cross join lateral (
    select p.key, p.load_id, p.line,
        pg_temp.hayloft_converted(
            p.row ->> $2, case when $2 = any (p.misfits) then null else $3 end, $4
        ) as converted
    from hayloft.payload as p
    where p.load_id = load.load_id and p.row ->> $2 is not null
    offset 0
) as said
where load.table_name = $1
  and payload.key = said.key and payload.load_id = said.load_id and payload.line = said.line
