update hayloft.load
set status = $2, reason = $3, effective_at = $4,
    rows_read = $5, rows_accepted = $6, rows_rejected = $7, rows_duplicate = $8, rows_held = $9,
    keys_inserted = $10, keys_updated = $11, keys_deactivated = $12, keys_unchanged = $13,
    keys_reopened = $14, keys_corrected = $15, keys_split = $16, keys_moved = $17,
    keys_late_unchanged = $18, keys_closed = $19, keys_absent_already = $20,
    keys_closed_by_absence = $21, keys_overwritten = $22, keys_filled = $23,
    facts_released = $24,
    seconds_total = $25, seconds_stage = $26, seconds_merge = $27,
    mode = coalesce($28, mode), absence = coalesce($29, absence),
    instants = coalesce($30, instants), earliest_at = coalesce($31, earliest_at),
    columns = coalesce($32, columns), added_columns = coalesce($33, added_columns),
    closes_accepted_by = coalesce($34, closes_accepted_by), set_aside = $35,
    digested_as = coalesce($36, digested_as), defaults = $37::jsonb
where load_id = $1
