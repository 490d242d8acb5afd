select table_name as "table", dimension,
    count(distinct fact_key) as facts,
    count(distinct dimension_key) as members
from hayloft.held_reference
group by table_name, dimension
order by table_name, dimension
