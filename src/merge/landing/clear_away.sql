-- The statements that drop the temporary tables of this session that a load made.
select format('drop table pg_temp.%I', relname) as statement
from pg_class
where relnamespace = pg_my_temp_schema() and relname like 'hayloft\_%' and relkind = 'r'
