-- How many facts of a table are held. Bind: the table's name.
select count(*) as count from hayloft.held_fact where table_name = $1
