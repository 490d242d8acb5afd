alter table hayloft.load drop column let_in;
drop table hayloft.let_in;
