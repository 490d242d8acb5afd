-- Whoever reverts by Diesel's own tool still has the view, and the index takes its name again.
-- With `cascade`: what somebody built on the view cannot outlive it, and would stop the revert.
drop view if exists datawarehouse.users_current cascade;

alter index if exists datawarehouse.users_open rename to users_current;
