-- $1: the lock of those who migrate. It is taken, shared, for the length of this statement, so that a
-- list that was read while somebody was at work is told from one that stands.
select
    pg_catalog.pg_try_advisory_xact_lock_shared($1) as undisturbed,
    array(
        select version::pg_catalog.text
        from public.__diesel_schema_migrations
    ) as applied
