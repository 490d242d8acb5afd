//! Whether what a load builds on was brought by a load (semantics §21.2).
//!
//! A version or a fact that somebody wrote by hand is of no load that counts: no file says it, and no
//! undo could give it back. So a load that would end it, write over it or go on from it is refused until
//! a person takes it over. Nobody asks about rows that a load leaves as they are.

use std::collections::BTreeSet;

use diesel::sql_query;
use diesel::sql_types::BigInt;

use super::{MergeError, ledger};
use crate::contract::Contract;
use crate::db::prelude::*;

/// Finds that all of these are loads of the table that count.
pub(super) fn vouch(
    conn: &mut PgConnection,
    contract: &Contract,
    loads: &BTreeSet<i64>,
) -> Result<(), MergeError> {
    if loads.is_empty() || ledger::counting(conn, &contract.name, loads)? == *loads {
        return Ok(());
    }
    Err(MergeError::UnknownRows {
        table: contract.name.clone(),
    })
}

/// The loads that a statement names.
pub(super) fn loads(conn: &mut PgConnection, statement: &str) -> QueryResult<BTreeSet<i64>> {
    let loads: Vec<LoadNumber> = sql_query(statement).load(conn)?;
    Ok(loads.into_iter().map(|it| it.load_id).collect())
}

/// The number of a load.
#[derive(QueryableByName)]
pub(super) struct LoadNumber {
    #[diesel(sql_type = BigInt)]
    pub(super) load_id: i64,
}
