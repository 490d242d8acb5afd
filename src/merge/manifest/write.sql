insert into hayloft.manifest (load_id, kind, part, first_key, last_key, keys, lines, digests)
select $1, part.kind, part.place - 1, part.first_key, part.last_key, part.keys, part.lines, part.digests
from unnest($2, $3, $4, $5, $6, $7)
    with ordinality as part (kind, first_key, last_key, keys, lines, digests, place)
