-- Few rows for a large table: each is looked up by the index of its key. Left to itself, the planner
-- takes random pages for dear, and reads the whole table instead, or, where the table has grown and
-- nobody has looked at it since, reads it once for each row.
set local enable_hashjoin = off;
set local enable_mergejoin = off;
set local enable_seqscan = off;
set local enable_bitmapscan = off;
set local enable_material = off;
-- A plan that is made once serves for all batches.
set local plan_cache_mode = force_generic_plan;
