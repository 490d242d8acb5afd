-- A function of this session alone: runs a statement for the rows of a temporary table, some at a time,
-- and gives those for which it is refused, with what refuses each. What is taken stays, so the next is
-- tried beside it; rows are tried in their order. The statement is told that the table has those rows
-- alone: a view takes the table's place meanwhile. What another row can make good is tried again as
-- long as that helps. It ends early once so many are refused.
create or replace function pg_temp.hayloft_sieve(
    statement text, instant timestamptz, load bigint, target text, gives_row boolean,
    source text, in_order text, enough bigint)
returns table (
    line bigint, key uuid, state text, constraint_name text, table_name text, column_name text,
    domain text, triggers text)
language plpgsql as $$
declare
    together constant integer := 8;
    most_passes constant integer := 16;
    places tid[];
    lines bigint[];
    keys uuid[];
    numbers integer[];
    refused integer[];
    again integer[] := '{}';
    told jsonb[];
    breach jsonb;
    is_taken boolean;
    place integer;
    last integer;
begin
    execute pg_catalog.format('alter table pg_temp.%I rename to hayloft_sieved', source);
    execute pg_catalog.format(
        'create temporary view %I as select * from pg_temp.hayloft_sieved
         where ctid = any (pg_catalog.current_setting(''hayloft.places'')::tid[])', source);
    execute 'select pg_catalog.array_agg(place order by line, place),
            pg_catalog.array_agg(line order by line, place), pg_catalog.array_agg(key order by line, place)
        from (' || in_order || ') as rows (place, line, key)'
        into places, lines, keys using load, target;
    numbers := array(select pg_catalog.generate_series(1, pg_catalog.cardinality(places)));
    for pass in 1 .. most_passes loop
        refused := '{}';
        place := 1;
        while place <= pg_catalog.cardinality(numbers) loop
            last := least(place + together - 1, pg_catalog.cardinality(numbers));
            is_taken := false;
            -- Of rows that were refused before, most are again.
            if pass = 1 and last > place then
                breach := pg_temp.hayloft_attempt_some(
                    statement, instant, load, target, gives_row, places[place:last]);
                is_taken := breach is null;
            end if;
            if not is_taken then
                for number in place .. last loop
                    breach := pg_temp.hayloft_attempt_some(
                        statement, instant, load, target, gives_row,
                        array[places[numbers[number]]]);
                    if breach is not null then
                        refused := refused || numbers[number];
                        told[numbers[number]] := breach;
                    end if;
                end loop;
            end if;
            place := last + 1;
            exit when pass = 1 and pg_catalog.cardinality(refused) >= enough;
        end loop;
        if pass = 1 then
            again := refused;
        else
            again := array(
                select number from pg_catalog.unnest(again) as number
                where number <> all (numbers) or number = any (refused));
            exit when pg_catalog.cardinality(refused) = pg_catalog.cardinality(numbers);
        end if;
        numbers := array(
            select number from pg_catalog.unnest(refused) as number
            where told[number] ->> 'state' in ('23503', '23505', '23P01'));
        exit when pg_catalog.cardinality(numbers) = 0;
    end loop;
    return query
        select lines[number], keys[number], told[number] ->> 'state', told[number] ->> 'constraint_name',
            told[number] ->> 'table_name', told[number] ->> 'column_name', told[number] ->> 'domain',
            told[number] ->> 'triggers'
        from pg_catalog.unnest(again) as number
        order by lines[number];
end
$$;
-- Runs the statement for some rows; what their table has against it, if it has.
create or replace function pg_temp.hayloft_attempt_some(
    statement text, instant timestamptz, load bigint, target text, gives_row boolean,
    places tid[])
returns jsonb
language plpgsql as $$
declare
    attempted record;
begin
    perform pg_catalog.set_config('hayloft.places', places::text, true);
    select * into attempted
    from pg_temp.hayloft_attempt(statement, instant, load, target, gives_row);
    return case when attempted.written is null then pg_catalog.to_jsonb(attempted) end;
end
$$;
