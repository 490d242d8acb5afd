-- What the table showed in these columns from now on counts as said by every load.
update hayloft.load
set columns = columns || array(
    select spoken.name from unnest($2) as spoken (name) where not spoken.name = any (columns)
)
where table_name = $1 and action in ('load', 'takeover') and status = 'loaded' and not columns @> $2
