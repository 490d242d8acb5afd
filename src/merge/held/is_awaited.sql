select exists (select from hayloft.held_reference where dimension = $1) as answer
