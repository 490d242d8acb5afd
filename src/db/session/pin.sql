-- What a role, a database or the environment may have set otherwise, and what would then go wrong.

set application_name = 'hayloft';

-- Nothing that somebody made in another schema is ever taken for a function, an operator or a table
-- of Postgres' own. Tables are named with their schema.
set search_path = pg_catalog, pg_temp;

-- Texts that the server writes, and how it reads ours.
set client_encoding = 'UTF8';
set standard_conforming_strings = on;
set backslash_quote = safe_encoding;
set transform_null_equals = off;
set array_nulls = on;
set quote_all_identifiers = off;
set datestyle = 'ISO, YMD';
set intervalstyle = 'postgres';
set timezone = 'UTC';
set timezone_abbreviations = 'Default';
set bytea_output = 'hex';
set extra_float_digits = 1;
set xmlbinary = 'base64';
set xmloption = 'content';
-- lc_monetary is not among them: how many digits an amount of money has is up to it, so it stays as it is
-- for those who read the table, and amounts are sent and compared as numbers.
set lc_numeric = 'C';
set lc_time = 'C';
set client_min_messages = warning;

-- Each statement of a load sees what its advisory lock waited for.
set default_transaction_isolation = 'read committed';
set default_transaction_deferrable = off;
-- A policy that hides rows from this role makes the server refuse, rather than show fewer.
set row_security = off;
-- What is made for the length of a transaction is of the plain kind, and lies where it does by default.
set default_table_access_method = 'heap';
set default_tablespace = '';
set temp_tablespaces = '';
-- A savepoint that is rolled back does not end the session.
set exit_on_error = off;

-- A commit that returned has reached the disk: the file is deleted on the strength of it.
set synchronous_commit = on;
-- Behind somebody's long DDL a load gives up and comes back, instead of queueing readers behind itself.
set lock_timeout = '10s';
-- A large merge takes as long as it takes.
set statement_timeout = 0;
-- A loader that was stopped in the middle gives its locks back.
set idle_in_transaction_session_timeout = '5min';

-- What only some roles may set, or only some servers have: Postgres 17 ends long transactions, too.
select
    case
        when pg_catalog.has_parameter_privilege('lc_messages', 'set')
        then pg_catalog.set_config('lc_messages', 'C', false)
    end,
    case
        when pg_catalog.has_parameter_privilege('session_replication_role', 'set')
        then pg_catalog.set_config('session_replication_role', 'origin', false)
    end,
    case
        when pg_catalog.current_setting('transaction_timeout', true) is not null
        then pg_catalog.set_config('transaction_timeout', '0', false)
    end;
