drop trigger load_has_an_end on hayloft.load;
drop function hayloft.refuse_load_without_end();
alter table hayloft.load drop column set_aside;
