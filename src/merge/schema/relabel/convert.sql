-- $1: table, $2: the id of one of its columns, $3: new labels by old ones, $4: the column's type. Gives what
-- the ledger keeps of the column its new labels, and marks what cannot get them. What did not fit before is
-- left alone: nobody knows what it meant.
update hayloft.payload as payload
set row = case
        when said.relabelled is null then payload.row
        else payload.row || pg_catalog.jsonb_build_object($2::text, said.relabelled)
    end,
    misfits = payload.misfits || case when said.relabelled is null then array[$2::text] else '{}' end
from hayloft.load
cross join lateral (
    select p.key, p.load_id, p.line, p.row ->> $2 as kept,
        pg_temp.hayloft_relabelled(p.row ->> $2, $3::pg_catalog.jsonb, $4) as relabelled
    from hayloft.payload as p
    where p.load_id = load.load_id and p.row ->> $2 is not null and not $2 = any (p.misfits)
    offset 0
) as said
where load.table_name = $1
  and payload.key = said.key and payload.load_id = said.load_id and payload.line = said.line
  and said.relabelled is distinct from said.kept
