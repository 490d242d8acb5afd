-- Whether so many changes are nothing unusual for a table: a load that counts made as many, or so few
-- loads have come that nobody can tell. Binds: the table, the load that comes, how many.
select count(*) < 3 or max(
    keys_updated + keys_corrected + keys_split + keys_moved + keys_closed + keys_overwritten
) >= $3 as answer
from hayloft.load
where table_name = $1 and load_id <> $2 and action = 'load' and status = 'loaded'
  and rows_accepted > 0
