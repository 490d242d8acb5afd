-- Packagers write their own version behind Postgres'.
select clock_timestamp() as at, split_part(current_setting('server_version'), ' ', 1) as version
