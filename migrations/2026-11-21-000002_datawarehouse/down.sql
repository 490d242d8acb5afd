drop schema datawarehouse cascade;
