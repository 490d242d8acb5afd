alter table hayloft.held_fact drop column misfits, drop column dropped;
