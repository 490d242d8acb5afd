//! Hayloft: drop a table-named file into a folder, get dimension history in Postgres.

pub mod contract;
pub mod stage;
pub mod summary;
pub mod wire;
