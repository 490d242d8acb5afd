alter table hayloft.load drop column default_misfits;
alter table hayloft.load drop column defaults;
