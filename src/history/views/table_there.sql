select pg_catalog.to_regclass($1) is not null as there
