-- A stranger's schemas: `trap`, which stands first in the role's search path, and `public`. Whatever has a
-- name that a statement of Hayloft may mean stops the statement.
create schema trap;
set search_path = pg_catalog;

do $$
declare
    place text;
    one record;
    body constant text := $body$begin raise exception 'a decoy ran'; end$body$;
begin
    foreach place in array array['trap', 'public'] loop
        -- Every function of Postgres' own that can be made again under its name and arguments.
        for one in
            select p.proname, pg_get_function_identity_arguments(p.oid) as arguments,
                format_type(p.prorettype, null) as result
            from pg_proc as p
            where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f'
                and not p.proretset and p.provariadic = 0
                and p.prorettype not in ('internal'::regtype, 'cstring'::regtype)
                and p.proname not like 'gist%' and p.proname not like '%send' and p.proname not like '%recv'
                and p.pronargs <= 4
        loop
            begin
                execute format('create function %I.%I(%s) returns %s language plpgsql as %L',
                    place, one.proname, one.arguments, one.result, body);
            exception when others then null;
            end;
        end loop;
        -- Those that fit any array fit these better.
        for one in select unnest(array['text', 'uuid', 'bigint', 'integer', 'bytea', 'timestamptz']) as element
        loop
            execute format('create function %I.unnest(%s[]) returns setof %2$s language plpgsql as %L',
                place, one.element, body);
            execute format('create function %I.array_agg_step(%s[], %2$s) returns %2$s[] language plpgsql as %L',
                place, one.element, body);
            execute format('create aggregate %I.array_agg(%s) (sfunc = %1$I.array_agg_step, stype = %2$s[], initcond = ''{}'')',
                place, one.element);
            execute format('create function %I.to_jsonb(%s) returns jsonb language plpgsql as %L',
                place, one.element, body);
        end loop;
        execute format('create function %I.hash_array_extended(text[], bigint) returns bigint language plpgsql as %L',
            place, body);
        execute format('create function %I.hash_array_extended(text[], integer) returns bigint language plpgsql as %L',
            place, body);
        execute format('create function %I.jsonb_populate_record(datawarehouse.pay, jsonb) returns datawarehouse.pay language plpgsql as %L',
            place, body);
        execute format('create function %I.count_step(bigint) returns bigint language plpgsql as %L', place, body);
        execute format('create aggregate %I.count(*) (sfunc = %1$I.count_step, stype = bigint, initcond = 0)', place);
        -- Operators.
        for one in
            select o.oprname, format_type(o.oprleft, null) as l, format_type(o.oprright, null) as r
            from pg_operator as o
            where o.oprnamespace = 'pg_catalog'::regnamespace and o.oprleft <> 0
                and o.oprresult = 'boolean'::regtype
                and (o.oprleft::regtype::text, o.oprright::regtype::text) in (
                    ('text', 'text'), ('uuid', 'uuid'), ('bigint', 'bigint'), ('integer', 'integer'),
                    ('bigint', 'integer'), ('integer', 'bigint'), ('jsonb', 'text'), ('jsonb', 'jsonb'),
                    ('numeric', 'numeric'), ('boolean', 'boolean'), ('bytea', 'bytea'),
                    ('timestamp with time zone', 'timestamp with time zone'), ('name', 'text'),
                    ('name', 'name'), ('"char"', '"char"'), ('oid', 'oid')
                )
        loop
            execute format('create or replace function %I.decoy_operator(%s, %s) returns boolean language plpgsql as %L',
                place, one.l, one.r, body);
            execute format('create operator %I.%s (leftarg = %s, rightarg = %s, function = %1$I.decoy_operator)',
                place, one.oprname, one.l, one.r);
        end loop;
        -- Types that hold nothing, and tables that are empty.
        for one in select unnest(array['text', 'uuid', 'jsonb', 'bytea', 'timestamptz', 'regclass', 'bool', 'int8', 'date']) as name
        loop
            execute format('create domain %I.%I as integer check (value is null)', place, one.name);
        end loop;
        for one in select unnest(array['pg_class', 'pg_attribute', 'pg_namespace', 'pg_type', 'pg_index', 'pg_proc',
            'pg_constraint', 'load', 'reject', 'manifest', 'contract', 'acc', 'pay', 'hayloft_landing',
            'hayloft_change', 'hayloft_touched', 'hayloft_said']) as name
        loop
            execute format('create table %I.%I (nothing integer)', place, one.name);
        end loop;
    end loop;
end
$$;
create table trap.__diesel_schema_migrations (version varchar(50) primary key, run_on timestamp not null default now());
-- What some bring back from before Postgres 8.3.
create cast (integer as text) with inout as implicit;
create cast (bigint as text) with inout as implicit;
