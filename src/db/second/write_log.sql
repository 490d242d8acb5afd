-- A commit that waits for nothing has the server's WAL writer write all of the log that is there: one
-- that has a transaction id, which is only taken where there is enough to write (128 KiB). In a
-- transaction of its own, so that a pooler's next client does not find the setting.
begin;
set local synchronous_commit = off;
select case
    when pg_current_wal_insert_lsn() - pg_current_wal_lsn() > 131072 then pg_current_xact_id()
end;
commit;
