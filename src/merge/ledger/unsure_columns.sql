-- Of these columns, those that some load that counts did not speak of.
select distinct spoken.name
from hayloft.load
cross join lateral unnest($2::text[]) as spoken (name)
where load.table_name = $1 and load.status = 'loaded' and load.action = 'load'
  and not load.columns @> $2 and not spoken.name = any (load.columns)
