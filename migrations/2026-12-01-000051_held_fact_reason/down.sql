alter table hayloft.held_fact drop column reason;
