//! Loads, and how they went.

use chrono::{DateTime, Utc};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Double, Nullable, Text, Timestamptz};
use serde::Serialize;

use super::words::Action;
use crate::db::prelude::*;
use crate::summary::Status;

/// One load, as far as a list of loads shows it.
#[derive(QueryableByName, Serialize, Clone, PartialEq, Debug)]
pub struct Listed {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub load_id: i64,
    /// The load whose rejects it loaded again, if it did.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub parent_load_id: Option<i64>,
    /// The table.
    #[diesel(sql_type = Text)]
    pub table: String,
    /// The file's name, without its folder.
    #[diesel(sql_type = Text)]
    pub file: String,
    /// How it ended.
    #[diesel(sql_type = Text)]
    pub status: Status,
    /// What was done.
    #[diesel(sql_type = Text)]
    pub action: Action,
    /// The load that was taken back or put in again, if one was.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub target_load_id: Option<i64>,
    /// Why it was skipped, or failed.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    /// Data rows in the file.
    #[diesel(sql_type = BigInt)]
    pub read: i64,
    /// New keys.
    #[diesel(sql_type = BigInt)]
    pub new: i64,
    /// Keys that got a new version; facts that were changed in place.
    #[diesel(sql_type = BigInt)]
    pub changed: i64,
    /// Rows that said what was known.
    #[diesel(sql_type = BigInt)]
    pub unchanged: i64,
    /// Keys that had been closed and are there again.
    #[diesel(sql_type = BigInt)]
    pub reopened: i64,
    /// Rows that replaced another at the same instant.
    #[diesel(sql_type = BigInt)]
    pub corrected: i64,
    /// Late rows that divided a version.
    #[diesel(sql_type = BigInt)]
    pub split: i64,
    /// Late rows that moved the beginning of a version.
    #[diesel(sql_type = BigInt)]
    pub moved: i64,
    /// Late rows that said what was known.
    #[diesel(sql_type = BigInt)]
    pub late_unchanged: i64,
    /// Rows that ended a key.
    #[diesel(sql_type = BigInt)]
    pub closed: i64,
    /// Deletes of keys that were not there.
    #[diesel(sql_type = BigInt)]
    pub absent_already: i64,
    /// Keys that a snapshot ended by not naming them.
    #[diesel(sql_type = BigInt)]
    pub closed_by_absence: i64,
    /// Keys whose columns without history were written over.
    #[diesel(sql_type = BigInt)]
    pub overwritten: i64,
    /// Versions that got a value in a column that had none.
    #[diesel(sql_type = BigInt)]
    pub filled: i64,
    /// Facts that waited for their dimension.
    #[diesel(sql_type = BigInt)]
    pub held: i64,
    /// Rows that lost against another of the same key.
    #[diesel(sql_type = BigInt)]
    pub duplicates: i64,
    /// Rows that could not be used.
    #[diesel(sql_type = BigInt)]
    pub rejected: i64,
    /// How long it took.
    #[diesel(sql_type = Double)]
    pub seconds: f64,
    /// When it was.
    #[diesel(sql_type = Timestamptz)]
    pub started_at: DateTime<Utc>,
}

impl Listed {
    /// Keys that were there before, are there now, and have another history.
    #[must_use]
    pub fn changed_in_any_way(&self) -> i64 {
        self.changed + self.reopened + self.corrected + self.split + self.moved
    }

    /// Keys that were ended, by a row or by its absence.
    #[must_use]
    pub fn closed_in_any_way(&self) -> i64 {
        self.closed + self.closed_by_absence
    }

    /// Rows after which everything is as it was.
    #[must_use]
    pub fn unchanged_in_any_way(&self) -> i64 {
        self.unchanged + self.late_unchanged + self.absent_already
    }
}

/// The newest loads, newest first.
pub fn latest(conn: &mut PgConnection, most: i64) -> QueryResult<Vec<Listed>> {
    sql_query(include_str!("latest_loads.sql"))
        .bind::<BigInt, _>(most)
        .load(conn)
}

/// What another load needs to know of this one.
#[derive(QueryableByName, Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub load_id: i64,
    /// The table.
    #[diesel(sql_type = Text)]
    pub table: String,
    /// The file's name, without its folder.
    #[diesel(sql_type = Text)]
    pub file: String,
    /// How it ended.
    #[diesel(sql_type = Text)]
    pub status: Status,
    /// The header as the file spells it.
    #[diesel(sql_type = Nullable<Text>)]
    pub header: Option<String>,
    /// What the ledger calls the columns that the file filled.
    #[diesel(sql_type = Nullable<Array<Text>>)]
    pub columns: Option<Vec<String>>,
    /// Data rows in the file.
    #[diesel(sql_type = BigInt)]
    pub read: i64,
    /// The instant at which what the file says holds; only a loaded file has one.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub effective_at: Option<DateTime<Utc>>,
}

/// The load of this number, if there is one.
pub fn find(conn: &mut PgConnection, load_id: i64) -> QueryResult<Option<Known>> {
    sql_query(include_str!("find_load.sql"))
        .bind::<BigInt, _>(load_id)
        .get_result(conn)
        .optional()
}
