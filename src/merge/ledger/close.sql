update hayloft.load
set status = $2, reason = $3, effective_at = $4,
    rows_read = $5, rows_accepted = $6, rows_rejected = $7, rows_duplicate = $8, rows_held = $9,
    keys_inserted = $10, keys_updated = $11, keys_deactivated = $12, keys_unchanged = $13,
    facts_released = $14,
    seconds_total = $15, seconds_stage = $16, seconds_merge = $17
where load_id = $1
