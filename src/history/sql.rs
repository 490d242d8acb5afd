//! The statements of the read side that depend on the table, as pure functions of its contract.
//!
//! In: a contract, and the names of the table's columns. Out: the definitions of the views and of
//! the function, and the questions of the check. Names reach a statement through [`Ident`] alone.
//! What each looks like is kept in this file's tests; `tests/it/history.rs` runs them.

mod check;
mod views;

pub use check::{
    count_facts, count_versions, facts_of_no_load, faulty_versions, held_for_members_there,
    repeated_facts, unresolved_facts,
};
pub use views::{Dimension, Object, ObjectKind};

use crate::contract::{Column, Contract, Ident};

/// A text as a literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A column's name as a text.
fn name_as_text(name: &Ident) -> String {
    literal(name.name())
}

fn key_of(contract: &Contract) -> impl Iterator<Item = &Column> {
    contract.key.iter().map(|column| &contract.columns[*column])
}

/// The columns that are no part of the key.
fn attributes_of(contract: &Contract) -> impl Iterator<Item = &Column> {
    let columns = contract.columns.iter().enumerate();
    columns
        .filter(|(place, _)| !contract.key.contains(place))
        .map(|(_, column)| column)
}

#[cfg(test)]
mod tests;
