//! What can be asked and changed afterwards.
//!
//! In: a connection, and the contract of a table that has been loaded. Out: views and a function
//! through which its history is read ([`views`]), the answer whether it is sound ([`check`]), and
//! all that is known of one key ([`why`]).
//! This room never sees a delivery: no file, no staged row.

pub mod check;
pub mod sql;
pub mod views;
pub mod why;
