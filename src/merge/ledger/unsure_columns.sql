-- Of these columns, those that some load that counts did not speak of. One load is looked at for
-- each set of columns that loads had: from one set, the index leads to the next. Two sets of one
-- hash would count as one; of the few sets that a table ever has, none share 64 bits.
with recursive had (hash, columns) as (
    (
        select hash_array_extended(columns, 0), columns
        from hayloft.load
        where table_name = $1 and status = 'loaded' and action = 'load'
          and hash_array_extended(columns, 0) is not null
        order by hash_array_extended(columns, 0)
        limit 1
    )
    union all
    select later.hash, later.columns
    from had
    cross join lateral (
        select hash_array_extended(columns, 0) as hash, columns
        from hayloft.load
        where table_name = $1 and status = 'loaded' and action = 'load'
          and hash_array_extended(columns, 0) > had.hash
        order by hash_array_extended(columns, 0)
        limit 1
    ) as later
)
select distinct spoken.name
from had
cross join lateral unnest($2::text[]) as spoken (name)
where not had.columns @> $2 and not spoken.name = any (had.columns)
