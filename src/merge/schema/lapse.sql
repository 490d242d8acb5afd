-- $1: table, $2: the id of one of its columns. The values of another type, and of labels with other names,
-- have other digests, so those of rows that spoke of the column hold no longer.
update hayloft.load
set digested_as = '{}'
where table_name = $1 and columns @> array[$2] and digested_as is not null
