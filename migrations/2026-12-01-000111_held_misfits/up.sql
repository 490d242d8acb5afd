-- What a held row said, and its table does not take as it came. Values as texts, by the id of the column.

alter table hayloft.held_fact
    -- Of columns that have another type since a migration: the row is not let in as long as it has any.
    add column misfits jsonb not null default '{}',
    -- Of columns that were dropped. Nobody else's column gets them.
    add column dropped jsonb not null default '{}';
