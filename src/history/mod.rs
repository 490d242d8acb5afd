//! What can be asked and changed afterwards.
//!
//! In: a connection, and the contract of a table that has been loaded. Out: views and a function
//! through which its history is read ([`views`]), and the answer whether it is sound ([`check`]).
//! This room never sees a delivery: no file, no staged row.

pub mod check;
pub mod sql;
pub mod views;
