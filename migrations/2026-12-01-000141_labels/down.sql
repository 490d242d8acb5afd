alter table hayloft.column_identity drop column labels;
