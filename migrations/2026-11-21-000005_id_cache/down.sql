alter table datawarehouse.users alter column id set cache 1;
