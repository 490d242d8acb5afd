-- A small file against a large dimension (W4): as full.sql, but each row is looked up through the
-- unique index instead of hashing the whole dimension.
--
--     psql -X -v ON_ERROR_STOP=1 -f delta.sql DATABASE < users.csv
\set QUIET on
set datestyle = 'ISO, DMY';
set work_mem = '512MB';
set random_page_cost = 1.1;
set jit = off;

begin;
create temp table st (name text, email text, date_of_birth date) on commit drop;
\copy st from pstdin with (format csv, header)

create temp table keyed on commit drop as
select encode(substr(sha256(convert_to(email, 'UTF8')), 1, 16), 'hex')::uuid as user_id, *
from st;
analyze keyed;

create temp table delta on commit drop as
select u.id as old_id, coalesce(u.version_number, 0) + 1 as version_number, st.*
from keyed st
left join users u on u.user_id = st.user_id and u.is_current
where u.id is null or st.name <> u.name or st.date_of_birth <> u.date_of_birth;
analyze delta;

update users u
set is_current = false, effective_end_date = now()
from delta d
where u.id = d.old_id;

insert into users (user_id, name, email, date_of_birth, effective_start_date, version_number)
select user_id, name, email, date_of_birth, now(), version_number
from delta
order by user_id;
commit;
