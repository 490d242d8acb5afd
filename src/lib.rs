//! Hayloft: drop a table-named file into a folder, get dimension history in Postgres.

pub mod cli;
pub mod contract;
pub mod secret;
pub mod settings;
pub mod stage;
pub mod summary;
