-- A commit that waits for nothing has the server's WAL writer write all of the log that is there.
-- One without a transaction id would not; this one's is the price. In a transaction of its own, so
-- that a pooler's next client does not find the setting.
begin;
set local synchronous_commit = off;
select pg_current_xact_id();
commit;
