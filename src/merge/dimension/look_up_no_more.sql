-- As the session has it.
reset enable_hashjoin;
reset enable_mergejoin;
