update hayloft.held_fact set table_name = $2 where table_name = $1
