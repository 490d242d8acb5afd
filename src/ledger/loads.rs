//! Loads, and how they went.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Double, Nullable, Text, Timestamptz};
use serde::Serialize;

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
    /// `loaded`, `skipped`, `failed` or `undone`.
    #[diesel(sql_type = Text)]
    pub status: String,
    /// What was done: `load`, `undo` or `redo`.
    #[diesel(sql_type = Text)]
    pub action: String,
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
    /// Changed keys.
    #[diesel(sql_type = BigInt)]
    pub changed: i64,
    /// Rows that said what was known.
    #[diesel(sql_type = BigInt)]
    pub unchanged: i64,
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
    /// `loaded`, `skipped` or `failed`.
    #[diesel(sql_type = Text)]
    pub status: String,
    /// The header as the file spells it.
    #[diesel(sql_type = Nullable<Text>)]
    pub header: Option<String>,
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
