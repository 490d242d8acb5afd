-- The view of the current versions takes the name `users_current`, and an index has no better use
-- for it. Views and functions are made by `hayloft migrate`, since they follow the table's columns.

alter index if exists datawarehouse.users_current rename to users_open;
