-- What keys of a dimension got that a load began, in columns of which its file did not speak: the defaults of
-- the columns as they were at the load, as texts by the columns' ids. So late rows, undo and redo make again
-- what was there, whatever the default is by then. Of loads of before nothing is known, and nothing is
-- guessed.
alter table hayloft.load add column defaults jsonb;

-- Of these the columns whose type does not take them since a migration changed it.
alter table hayloft.load add column default_misfits text[] not null default '{}';
