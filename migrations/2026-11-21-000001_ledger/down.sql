drop schema hayloft cascade;
