//! One writer a table.
//!
//! A load holds its table's lock to the end of its transaction. A dimension's load also holds
//! those of the facts that refer to it, because it may let in held ones; a fact's load shares
//! those of its dimensions, so that no member can come between "unknown" and "held". All take
//! their locks in the order of the tables' names: loaders wait for each other, never in a circle.
//!
//! Another load may rightly take hours. A statement that waits for it hears of nothing else, so
//! the wait is in slices: after each the transaction ends as [`MergeError::TableBusy`], and
//! whoever loads decides whether to wait on.

use diesel::connection::SimpleConnection;
use diesel::result::Error as DbError;
use diesel::sql_query;
use diesel::sql_types::Text;

use super::MergeError;
use crate::contract::{Contract, Contracts, QualifiedName, TableName};
use crate::db::prelude::*;
use crate::db::{Prepare, YesOrNo, is_lock_timeout};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Hold {
    Alone,
    Shared,
}

/// Waits a slice for each of the locks that a load of this table needs. They go with the
/// transaction.
pub(super) fn take(
    conn: &mut PgConnection,
    contract: &Contract,
    contracts: &Contracts,
) -> Result<(), MergeError> {
    let mut wanted: Vec<(&TableName, Hold)> = vec![(&contract.name, Hold::Alone)];
    wanted.extend(
        contracts
            .referring_to(&contract.name)
            .map(|fact| (&fact.name, Hold::Alone)),
    );
    wanted.extend(
        contracts
            .referred_by(contract)
            .map(|dimension| (&dimension.name, Hold::Shared)),
    );
    wanted.sort();
    conn.batch_execute("set local lock_timeout = '2s'")?;
    for (table, hold) in wanted {
        sql_query(hold.statement())
            .bind::<Text, _>(table.as_str())
            .prepared()
            .run(conn)
            .map_err(|error| busy_or(error, table))?;
    }
    conn.batch_execute("set local lock_timeout = '10s'")?;
    Ok(())
}

/// Has a table alone, if nobody else loads into it now.
pub(super) fn try_alone(conn: &mut PgConnection, table: &TableName) -> QueryResult<bool> {
    sql_query(lock_by("pg_try_advisory_xact_lock"))
        .bind::<Text, _>(table.as_str())
        .get_result(conn)
        .map(YesOrNo::is_yes)
}

/// Waits a moment until nobody writes to a table or changes it, and keeps it so. An automatic vacuum gives
/// way within that time.
pub(super) fn keep_still(
    conn: &mut PgConnection,
    table: &QualifiedName,
    name: &TableName,
) -> Result<(), MergeError> {
    conn.batch_execute("set local lock_timeout = '2s'")?;
    let statement = format!("lock table {table} in share row exclusive mode");
    sql_query(statement)
        .execute(conn)
        .map_err(|error| busy_or(error, name))?;
    conn.batch_execute("set local lock_timeout = '10s'")?;
    Ok(())
}

impl Hold {
    fn statement(self) -> String {
        lock_by(match self {
            Self::Alone => "pg_advisory_xact_lock",
            Self::Shared => "pg_advisory_xact_lock_shared",
        })
    }
}

/// The statement that takes a table's lock by this function of the server.
fn lock_by(function: &str) -> String {
    format!(
        "select pg_catalog.{function}(pg_catalog.hashtextextended('hayloft:' || $1, 0)) as answer"
    )
}

fn busy_or(error: DbError, table: &TableName) -> MergeError {
    if !is_lock_timeout(&error) {
        return error.into();
    }
    MergeError::TableBusy {
        table: table.clone(),
    }
}
