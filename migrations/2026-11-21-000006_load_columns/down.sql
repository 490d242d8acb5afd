drop index hayloft.load_columns;
