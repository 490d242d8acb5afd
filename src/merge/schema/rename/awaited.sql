update hayloft.held_reference set dimension = $2 where dimension = $1
