update hayloft.payload as payload
set row = payload.row - $5 || shown.row::jsonb
from unnest($1, $2, $3, $4) as shown (key, load_id, line, row)
where payload.key = shown.key and payload.load_id = shown.load_id and payload.line = shown.line
