update hayloft.table_identity set table_name = $2 where table_name = $1
