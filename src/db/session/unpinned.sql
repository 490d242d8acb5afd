-- What only some roles may set.
select pg_catalog.current_setting('session_replication_role') <> 'origin' as fires_no_triggers,
    pg_catalog.current_setting('lc_messages') as lc_messages
