-- $1: table. Its columns as the ledger knows them, with name and type.
select column_id as id, name || ' ' || type as told
from hayloft.column_identity
where table_name = $1 and dropped_at is null
