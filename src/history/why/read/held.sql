-- A fact that waits, and for members of which dimensions.
select held.load_id, held.source_line as line, held.row as content, held.misfits,
    array(
        select distinct reference.dimension
        from hayloft.held_reference as reference
        where reference.table_name = held.table_name and reference.fact_key = held.fact_key
        order by reference.dimension
    ) as dimensions
from hayloft.held_fact as held
where held.table_name = $1 and held.fact_key = $2
