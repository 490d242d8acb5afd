-- The statements that drop the temporary tables that a group of rows made, but for those of the search.
select format('drop table pg_temp.%I', relname) as statement
from pg_class
where relnamespace = pg_my_temp_schema() and relname like 'hayloft\_%' and relkind = 'r'
  and relname not in ('hayloft_landing', 'hayloft_searched')
