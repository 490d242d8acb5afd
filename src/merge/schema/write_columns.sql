-- $1: table, then for each of its columns $2: id, $3: name, $4: number, $5: type.
insert into hayloft.column_identity as known (table_name, column_id, name, number, type)
select $1, seen.id, seen.name, seen.number, seen.type
from rows from (
    pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5)
) as seen (id, name, number, type)
on conflict (table_name, column_id) do update
set name = excluded.name, number = excluded.number, type = excluded.type,
    noted_at = pg_catalog.clock_timestamp()
where (known.name, known.number, known.type) <> (excluded.name, excluded.number, excluded.type)
