-- When held facts were let in, so that their time stamps can be told from others.

create table hayloft.let_in (
    -- The fact.
    key        uuid not null,
    -- The load that its row is of.
    load_id    bigint not null references hayloft.load,
    -- What the fact then had as `updated_at`.
    at         timestamptz not null,
    primary key (key, load_id, at)
);

-- Whether the ledger has when the facts were let in for which the load brought members. Of loads of before
-- this was kept it has not.
alter table hayloft.load
    add column let_in text not null default 'not kept' check (let_in in ('not kept', 'kept'));

alter table hayloft.load alter column let_in set default 'kept';
