select natural_key, mode, effective, sequence, roles::text as roles, new_column
from hayloft.contract
where table_name = $1
