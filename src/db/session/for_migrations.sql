-- A person's migrations find what this role and this database are set to, as with Diesel's own tool.
reset search_path;
reset row_security;
reset default_table_access_method;
reset default_tablespace;
reset temp_tablespaces;
