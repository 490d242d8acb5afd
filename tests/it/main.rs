//! Everything that is tried out from the outside: the real program, on real files and a real
//! Postgres. One binary, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod at_once;
mod broken_tables;
mod change_guard;
mod check;
mod check_values;
mod commands;
mod constraints;
mod contract;
mod copy;
mod demo;
mod dice;
mod dimension;
mod embedded;
mod explain;
mod facts;
mod folder;
mod held;
mod history;
mod indexes;
mod inputs;
mod instants;
mod ledger;
mod meddling;
mod model;
mod new_table;
mod parallel;
mod plan;
mod plan_counts;
mod privacy;
mod reference_faults;
mod references;
mod rejects;
mod replies;
mod rights;
mod routes;
mod row_security;
mod schema_changes;
mod second_session;
mod sent;
mod session;
mod status;
mod support;
mod takeover;
mod terminal;
mod together;
mod types;
mod undone_facts;
mod upgrade;
mod views;
mod warnings;
mod watch;
mod why;
mod writers;
