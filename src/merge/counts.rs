//! Counts and line numbers, between Rust and Postgres, which has no unsigned integers.

use diesel::sql_query;
use diesel::sql_types::BigInt;

use super::sql;
use crate::db::prelude::*;

/// A count as Postgres has it. It counts rows, lines or bytes, so it fits; where it would not, the
/// largest number is honest enough.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count as Rust has it.
pub(super) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// How many rows are in the landing table.
pub(super) fn landed(conn: &mut PgConnection) -> QueryResult<u64> {
    count(
        conn,
        &format!("select count(*) as count from {}", sql::LANDING),
    )
}

/// One count, called `count`.
#[derive(QueryableByName)]
pub(super) struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Count {
    pub(super) fn get(&self) -> u64 {
        unsigned(self.count)
    }
}

/// The answer of a statement that gives one count, and has no binds.
pub(super) fn count(conn: &mut PgConnection, statement: &str) -> QueryResult<u64> {
    let count: Count = sql_query(statement).get_result(conn)?;
    Ok(count.get())
}
