-- What each row said, in four bytes, so that the table can be compared with what its files said.

-- For each key of a part its row's digest, as four bytes, in the order of the keys. Loads of before
-- this was kept have none: nobody knows any more what their rows said.
alter table hayloft.manifest
    add column digests bytea;

alter table hayloft.manifest
    alter column digests set storage external;

alter table hayloft.observation
    add column digest integer;

-- For each of the columns that the file had, in which form its values were digested. An empty list
-- stands for digests that hold no longer, since what the rows are taken to have said was changed.
alter table hayloft.load
    add column digested_as text[];
