//! The history of keys, read back from the versions and from what the loads said.
//!
//! In: a connection and a contract. Out: plain structs, which the drawing for people and the JSON
//! for scripts are both made from. Nothing here writes a row.

pub mod why;
