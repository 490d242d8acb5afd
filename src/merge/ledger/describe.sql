update hayloft.load
set mode = $2, absence = $3, instants = $4, earliest_at = $5, columns = $6, added_columns = $7,
    closes_accepted_by = $8
where load_id = $1
