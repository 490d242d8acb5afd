//! What becomes of one fact, without a database.
