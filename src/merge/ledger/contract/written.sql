select natural_key, mode, effective, sequence, roles::text as roles
from hayloft.contract
where table_name = $1
