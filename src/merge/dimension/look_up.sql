-- Few rows for a large table: each is looked up by the index of its key. Left to itself, the planner
-- takes random pages for dear, and reads the whole table instead.
set local enable_hashjoin = off;
set local enable_mergejoin = off;
