-- Settings of the load's own transaction, so that neither a role's defaults nor a pooler's shared
-- session can take them away.

-- Nothing of another schema is taken for Postgres' own, and no policy hides rows.
set local search_path = pg_catalog, pg_temp;
set local row_security = off;
-- A commit that was acknowledged must be on disk: the file is removed next.
set local synchronous_commit = on;
-- Where landed rows are compared with a table that is a hash join, and inserts are sorted; both fit
-- in memory for files of some hundred thousand rows.
set local work_mem = '128MB';
set local jit = off;
