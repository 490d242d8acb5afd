-- Which label of an enum is which, whatever it is called now.

alter table hayloft.column_identity
    -- For each label of the enums that the column's type is made of, by its oid, what it was called when it
    -- was last seen. The oids are others after a restore from a dump. Empty until the table is looked at.
    add column labels jsonb not null default '{}';
