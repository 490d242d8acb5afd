-- A row may be remembered for several reasons, each with columns of its own.
insert into hayloft.payload as payload (key, load_id, line, row)
select key, load_id, line, jsonb_object_agg(cell.key, cell.value)
from pg_temp.hayloft_said
cross join lateral jsonb_each(row) as cell
group by key, load_id, line
on conflict (key, load_id, line) do update set row = payload.row || excluded.row
