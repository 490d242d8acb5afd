select not exists (select from hayloft.held_fact where table_name = $1)
   and not exists (select from hayloft.held_reference where dimension = $1) as answer
