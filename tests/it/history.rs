//! History, held against its definition.
//!
//! [`fold`] is the definition, as simple as it can be said. [`examples`] are the worked examples of
//! the rule book, each told twice: to the definition, and to the program on a real Postgres.
//! [`laws`] are random deliveries, undone and redone at random, after each of which the program
//! and the definition must agree on every version; and laws that ask no definition: another order,
//! other cuts, another spelling. [`proof`] are random changes by hand, each of which must be found.
//! [`migrations`] come between random loads. [`corners`] are what neither of them comes by.

mod corners;
mod deliveries;
mod engine;
mod examples;
mod facts;
mod fold;
mod laws;
mod migrations;
mod proof;
