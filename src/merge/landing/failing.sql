-- The lines of the landed rows of which a question ends in an error that is about a value of theirs.
-- The question counts rows between two places of the landing table. A function of this session alone.
-- Postgres 16 has pg_input_is_valid; on 15 the only way to ask is to try.
create or replace function pg_temp.hayloft_failing(question text) returns setof bigint
language plpgsql as $$
declare
    blocks constant bigint := pg_catalog.pg_relation_size('pg_temp.hayloft_landing')
        / pg_catalog.current_setting('block_size')::bigint;
    first_place tid;
    last_place tid;
    landed record;
begin
    for block in 0 .. blocks - 1 loop
        first_place := pg_catalog.format('(%s,0)', block)::tid;
        last_place := pg_catalog.format('(%s,65535)', block)::tid;
        begin
            execute question using first_place, last_place;
        exception when data_exception or integrity_constraint_violation or syntax_error
            or invalid_name or undefined_table or undefined_object or undefined_column
            or undefined_function or ambiguous_function or feature_not_supported
            or program_limit_exceeded or plpgsql_error or external_routine_exception
            or internal_error then
            for landed in
                select landing.ctid as place, landing.hayloft_line as line
                from pg_temp.hayloft_landing as landing
                where landing.ctid between first_place and last_place
            loop
                begin
                    execute question using landed.place, landed.place;
                exception when data_exception or integrity_constraint_violation or syntax_error
                    or invalid_name or undefined_table or undefined_object or undefined_column
                    or undefined_function or ambiguous_function or feature_not_supported
                    or program_limit_exceeded or plpgsql_error or external_routine_exception
                    or internal_error then
                    return next landed.line;
                end;
            end loop;
        end;
    end loop;
end
$$;
