update hayloft.contract_change set table_name = $2 where table_name = $1
