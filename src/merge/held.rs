//! Facts that wait in the ledger for the member that they name.
//!
//! Fact and member may come in either order, and the end is the same: a load of the dimension
//! lets in, in its own transaction, the facts that wait for nothing more. For each key of a fact
//! table only its newest row waits; a row that comes later stands in for it.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text, Timestamptz};

use super::MergeError;
use super::dimension::Count;
use super::sql;
use crate::contract::{Contract, Reference};

/// Lets go of held rows that the landed ones stand in for.
pub(super) fn forget(conn: &mut PgConnection, contract: &Contract) -> QueryResult<usize> {
    sql_query(sql::FORGET_HELD)
        .bind::<Text, _>(contract.name.as_str())
        .execute(conn)
}

/// Moves the landed rows that name an unknown member into the ledger; returns how many.
pub(super) fn hold(
    conn: &mut PgConnection,
    contract: &Contract,
    references: &[&Reference],
    load_id: i64,
) -> Result<u64, MergeError> {
    if references.is_empty() {
        return Ok(0);
    }
    sql_query(sql::FORGET_AWAITED)
        .bind::<Text, _>(contract.name.as_str())
        .execute(conn)?;
    let held = sql_query(sql::hold_unresolved(contract, references))
        .bind::<Text, _>(contract.name.as_str())
        .bind::<BigInt, _>(load_id)
        .execute(conn)?;
    if held > 0 {
        for reference in references {
            sql_query(sql::note_awaited(contract, reference))
                .bind::<Text, _>(contract.name.as_str())
                .bind::<BigInt, _>(load_id)
                .bind::<Text, _>(reference.dimension.as_str())
                .execute(conn)?;
        }
    }
    Ok(held as u64)
}

/// Loads the facts that waited for members which this load brought; returns how many.
pub(super) fn release(
    conn: &mut PgConnection,
    dimension: &Contract,
    dependants: &[&Contract],
    instant: DateTime<Utc>,
) -> Result<u64, MergeError> {
    let mut released = 0;
    for fact in dependants {
        let members = |statement| {
            sql_query(statement)
                .bind::<Text, _>(fact.name.as_str())
                .bind::<Text, _>(dimension.name.as_str())
        };
        if members(sql::MEET_MEMBERS).execute(conn)? > 0 {
            members(sql::FORGET_MET).execute(conn)?;
            let ready: Count = sql_query(sql::release_held(fact))
                .bind::<Timestamptz, _>(instant)
                .bind::<Text, _>(fact.name.as_str())
                .get_result(conn)?;
            released += u64::try_from(ready.count).unwrap_or(0);
        }
        sql_query(sql::DROP_MET).execute(conn)?;
    }
    Ok(released)
}
