select pg_advisory_xact_lock(hashtextextended('hayloft views', 0))
