-- A row may be remembered for several reasons, each with columns of its own.
insert into hayloft.payload as payload (key, load_id, line, row, misfits)
select said.key, said.load_id, said.line, jsonb_object_agg(cell.key, cell.value),
    coalesce(array_agg(distinct misfit.id) filter (where misfit.id is not null), '{}')
from pg_temp.hayloft_said as said
cross join lateral jsonb_each(said.row) as cell
left join lateral jsonb_array_elements_text(said.misfits) as misfit (id) on true
group by said.key, said.load_id, said.line
on conflict (key, load_id, line) do update set row = payload.row || excluded.row
