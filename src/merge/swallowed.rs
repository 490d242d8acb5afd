//! Whether a table has taken all that was written to it.
//!
//! A trigger that returns NULL, or a rule, swallows rows, and the server reports success. It says how
//! many rows it wrote, though, and a load knows how many it sent. Where these differ nothing is
//! committed.

use diesel::sql_query;
use diesel::sql_types::Text;

use super::{MergeError, counts};
use crate::contract::Contract;
use crate::db::prelude::*;
use crate::db::{Prepare, YesOrNo};

/// Finds that as many rows were written as were sent. More are left to the checks of the history.
pub(super) fn vouch(
    conn: &mut PgConnection,
    contract: &Contract,
    sent: u64,
    written: u64,
) -> Result<(), MergeError> {
    if sent <= written {
        return Ok(());
    }
    Err(MergeError::Swallowed {
        table: contract.name.clone(),
        sent,
        written,
        triggers: names(conn, contract)?,
    })
}

/// The triggers and rules of a table, as a list.
fn names(conn: &mut PgConnection, contract: &Contract) -> QueryResult<String> {
    #[derive(QueryableByName)]
    struct Meddling {
        #[diesel(sql_type = Text)]
        names: String,
    }
    let meddling: Meddling = sql_query(include_str!("swallowed/names.sql"))
        .bind::<Text, _>(contract.table.to_string())
        .get_result(conn)?;
    Ok(meddling.names)
}

/// Finds that a statement counts no rows that a trigger has made something else of.
pub(super) fn vouch_for_values(
    conn: &mut PgConnection,
    contract: &Contract,
    statement: &str,
) -> Result<(), MergeError> {
    match counts::count(conn, statement)? {
        0 => Ok(()),
        changed => Err(MergeError::ChangedByTable {
            table: contract.name.clone(),
            changed,
            triggers: names(conn, contract)?,
        }),
    }
}

/// Whether no trigger and no rule makes something else of what is written to the table.
pub(super) fn keeps_rows_as_told(
    conn: &mut PgConnection,
    contract: &Contract,
) -> QueryResult<bool> {
    sql_query(include_str!("swallowed/as_told.sql"))
        .bind::<Text, _>(contract.table.to_string())
        .prepared()
        .get_result(conn)
        .map(YesOrNo::is_yes)
}
