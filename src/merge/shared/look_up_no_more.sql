-- As it is in every session.
reset enable_hashjoin;
reset enable_mergejoin;
reset enable_seqscan;
reset enable_bitmapscan;
reset enable_material;
reset plan_cache_mode;
