-- A function of this session alone: it runs a statement, and catches the errors that a row can cause.
-- Others go on to whoever called it. A name is told only if the catalog has it: whoever raises an error
-- can give any text for a name, and a message can hold values, so it is not told at all.
create or replace function pg_temp.hayloft_attempt(
    statement text, instant timestamptz, load bigint, target text, gives_row boolean,
    out written bigint, out state text, out constraint_name text, out table_name text,
    out column_name text, out domain text, out triggers text)
language plpgsql as $$
declare
    ignored record;
    place text;
    told_constraint text;
    told_table text;
    told_column text;
    told_domain text;
begin
    if gives_row then
        execute statement into ignored using instant, target;
        written := 0;
        return;
    elsif target is not null then
        execute statement using instant, target;
    else
        execute statement using instant, load;
    end if;
    get diagnostics written = row_count;
exception when others then
    get stacked diagnostics
        state = returned_sqlstate, told_constraint = constraint_name, told_table = table_name,
        told_column = column_name, told_domain = pg_datatype_name, place = pg_exception_context;
    -- The connection, a deadlock, resources, somebody's intervention, the system; rights and names; the
    -- state of the session.
    if left(state, 2) in ('08', '0A', '25', '28', '3D', '3F', '40', '42', '53', '55', '57', '58', '72',
            'F0', 'XX') then
        raise;
    end if;
    written := null;
    select min(c.conname) into constraint_name
    from (
        select conname from pg_catalog.pg_constraint
        union all
        select relname from pg_catalog.pg_class where relkind in ('i', 'I')
    ) as c where c.conname = told_constraint;
    select min(c.relname) into table_name
    from pg_catalog.pg_class as c where c.relname = told_table and c.relkind in ('r', 'p');
    select min(a.attname) into column_name
    from pg_catalog.pg_attribute as a
    join pg_catalog.pg_class as c on c.oid = a.attrelid
    where a.attname = told_column and c.relname = told_table;
    select min(t.typname) into domain
    from pg_catalog.pg_type as t where t.typname = told_domain and t.typtype = 'd';
    select pg_catalog.string_agg(distinct pg_catalog.format('`%s`', t.tgname), ' or ') into triggers
    from pg_catalog.pg_trigger as t
    join pg_catalog.pg_proc as p on p.oid = t.tgfoid
    where not t.tgisinternal
      and (
          pg_catalog.strpos(place, pg_catalog.format('function %s() ', p.proname)) > 0
          or pg_catalog.strpos(place, pg_catalog.format('function %I() ', p.proname)) > 0
          or pg_catalog.strpos(place, pg_catalog.format('.%I() ', p.proname)) > 0
      );
end
$$;
