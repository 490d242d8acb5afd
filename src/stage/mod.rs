//! Arrival + Contract → Staged.
//!
//! In: a file and what its table promises. Out: rows that the table can take, keyed and encoded,
//! one for each key; and every row that could not be used, with its place and reason. This room
//! never speaks to Postgres.

pub mod csv;
pub mod reject;
