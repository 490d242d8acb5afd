-- A whole file against the dimension (W1, W2, W3), as somebody who knows Postgres well writes it
-- in psql:
--
--     psql -X -v ON_ERROR_STOP=1 -v dedupe=0 -f full.sql DATABASE < users.csv
--
-- Everything is set-based, the file lies in a temporary table that has statistics, joins and sorts
-- fit in memory, and the insert goes in the order of the index. With dedupe=1 the last row of an
-- address wins, which is a part of what Hayloft does besides.
\set QUIET on
-- COPY itself reads the dates.
set datestyle = 'ISO, DMY';
set work_mem = '512MB';
set temp_buffers = '512MB';

begin;
create temp table st (name text, email text, date_of_birth date) on commit drop;
\copy st from pstdin with (format csv, header)
\if :dedupe
create temp table st1 on commit drop as
select distinct on (email) * from st order by email, ctid desc;
drop table st;
alter table st1 rename to st;
\endif
analyze st;

select not exists (select from users) as empty \gset
\if :empty
insert into users (user_id, name, email, date_of_birth, effective_start_date)
select encode(substr(sha256(convert_to(email, 'UTF8')), 1, 16), 'hex')::uuid,
    name, email, date_of_birth, now()
from st
order by 1;
\else
create temp table delta on commit drop as
select u.id as old_id, coalesce(u.version_number, 0) + 1 as version_number,
    coalesce(u.user_id, encode(substr(sha256(convert_to(st.email, 'UTF8')), 1, 16), 'hex')::uuid)
        as user_id,
    st.name, st.email, st.date_of_birth
from st
left join users u on u.email = st.email and u.is_current
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
\endif
commit;
