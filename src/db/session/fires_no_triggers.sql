select pg_catalog.current_setting('session_replication_role') <> 'origin' as fires_no_triggers
