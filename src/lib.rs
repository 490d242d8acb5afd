//! Hayloft: drop a table-named file into a folder, get dimension history in Postgres.

pub mod cli;
pub mod commands;
pub mod contract;
pub mod db;
pub mod error;
pub mod failpoint;
pub mod generate;
pub mod ledger;
pub mod logging;
pub mod merge;
pub mod pipeline;
pub mod printer;
pub mod retire;

pub mod secret;
pub mod settings;
pub mod stage;
pub mod status;
pub mod summary;
pub mod watch;
pub mod wire;
