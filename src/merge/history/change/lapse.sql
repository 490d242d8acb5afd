-- What the rows are taken to have said from now on is not what was digested.
update hayloft.load
set digested_as = '{}'
where table_name = $1 and action = 'load' and status = 'loaded' and digested_as is not null
