select pg_catalog.to_regclass('public.__diesel_schema_migrations') is not null as there
