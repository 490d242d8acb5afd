-- Each load in order asks which columns some earlier load did not name. There are few sets of
-- columns, but there may be a hundred thousand loads: by this index one load of each set is looked
-- at. The names themselves can be too long for an index.

create index load_columns on hayloft.load (table_name, hash_array_extended(columns, 0))
    where status = 'loaded' and action = 'load';
