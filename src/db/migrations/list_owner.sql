-- Who else could have a statement of this role do more than it says: whoever owns the list of migrations,
-- unless that is a superuser, the owner of the database or of a schema of ours, or a role that this one is
-- a member of. (A superuser counts as a member of every role.)
select pg_catalog.quote_ident(owner.rolname) as stranger
from pg_catalog.pg_class as list
join pg_catalog.pg_roles as owner on owner.oid = list.relowner
join pg_catalog.pg_roles as self on self.rolname = current_user
where list.oid = pg_catalog.to_regclass('public.__diesel_schema_migrations')
    and not owner.rolsuper
    and (self.rolsuper or not pg_catalog.pg_has_role(owner.oid, 'member'))
    and not exists (
        select from pg_catalog.pg_database
        where datname = pg_catalog.current_database() and datdba = owner.oid
    )
    and not exists (
        select from pg_catalog.pg_namespace
        where nspname in ('hayloft', 'datawarehouse') and nspowner = owner.oid
    )
