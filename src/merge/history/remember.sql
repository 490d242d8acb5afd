-- A row may be remembered for several reasons, each with columns of its own.
insert into hayloft.payload as payload (key, load_id, line, row)
select said.key, said.load_id, said.line, jsonb_object_agg(cell.key, cell.value)
from pg_temp.hayloft_said as said
cross join lateral jsonb_each(said.row) as cell
group by said.key, said.load_id, said.line
on conflict (key, load_id, line) do update set row = payload.row || excluded.row
