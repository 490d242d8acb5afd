alter table hayloft.held_reference
    drop constraint held_reference_fact,
    add constraint held_reference_table_name_fact_key_fkey foreign key (table_name, fact_key)
        references hayloft.held_fact on delete cascade;

drop index hayloft.load_takeover;

alter table hayloft.payload drop column misfits;

alter table hayloft.load
    drop constraint load_action_check,
    add constraint load_action_check check (action in ('load', 'undo', 'redo')) not valid;

drop table hayloft.column_identity;
drop table hayloft.table_identity;
