-- $1: table, then for each of its columns $2: id, $3: name, $4: number, $5: type, $6: labels as JSON.
insert into hayloft.column_identity as known (table_name, column_id, name, number, type, labels)
select $1, seen.id, seen.name, seen.number, seen.type, seen.labels::pg_catalog.jsonb
from rows from (
    pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5),
    pg_catalog.unnest($6)
) as seen (id, name, number, type, labels)
on conflict (table_name, column_id) do update
set name = excluded.name, number = excluded.number, type = excluded.type, labels = excluded.labels,
    noted_at = pg_catalog.clock_timestamp()
where (known.name, known.number, known.type, known.labels)
    <> (excluded.name, excluded.number, excluded.type, excluded.labels)
