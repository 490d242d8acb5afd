//! Rows that could not be used, and what was wrong with them: the open ones, which nobody has
//! corrected yet.

use chrono::{DateTime, Utc};
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text, Timestamptz};
use serde::Serialize;

use crate::db::prelude::*;
use crate::stage::reject::{RejectKind, Severity};

/// A load that has open rejects.
#[derive(QueryableByName, Serialize, Clone, PartialEq, Eq, Debug)]
pub struct OfLoad {
    /// The load's number.
    #[diesel(sql_type = BigInt)]
    pub load_id: i64,
    /// The table.
    #[diesel(sql_type = Text)]
    pub table: String,
    /// The file's name, without its folder.
    #[diesel(sql_type = Text)]
    pub file: String,
    /// Rows that were not loaded. A row with two mistakes is one row.
    #[diesel(sql_type = BigInt)]
    pub errors: i64,
    /// Rows that somebody may want to look at.
    #[diesel(sql_type = BigInt)]
    pub warnings: i64,
    /// When the load was.
    #[diesel(sql_type = Timestamptz)]
    pub started_at: DateTime<Utc>,
}

/// One thing that is wrong with a row.
#[derive(QueryableByName, Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The line of the file on which the row begins.
    #[diesel(sql_type = BigInt)]
    pub line: i64,
    /// The column, counted from 1, where one is at fault.
    #[diesel(sql_type = Nullable<Integer>)]
    pub column_number: Option<i32>,
    /// Its name.
    #[diesel(sql_type = Nullable<Text>)]
    pub column_name: Option<String>,
    /// The machine's word for what is wrong.
    #[diesel(sql_type = Text)]
    pub kind: RejectKind,
    /// Whether it cost the row.
    #[diesel(sql_type = Text)]
    pub severity: Severity,
    /// The sentence for people, which holds no value of the row.
    #[diesel(sql_type = Text)]
    pub message: String,
    /// The row as it stands in the file, to be shown only to who asks for it.
    #[diesel(sql_type = Binary)]
    pub original: Vec<u8>,
}

/// A row as it stands in its file, without its line end.
#[derive(QueryableByName, Clone, PartialEq, Eq, Debug)]
pub struct Original {
    /// Its bytes.
    #[diesel(sql_type = Binary)]
    pub original: Vec<u8>,
}

/// What became of the errors of a load.
#[derive(QueryableByName, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Errors that nobody has corrected yet.
    #[diesel(sql_type = BigInt)]
    pub open: i64,
    /// Errors whose rows were loaded again.
    #[diesel(sql_type = BigInt)]
    pub replayed: i64,
    /// The latest load that brought the corrected rows, all of them, and counts.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub replay: Option<i64>,
}

/// What became of the errors of a load.
pub fn standing(conn: &mut PgConnection, load_id: i64) -> QueryResult<Standing> {
    sql_query(include_str!("rejects_standing.sql"))
        .bind::<BigInt, _>(load_id)
        .get_result(conn)
}

/// The loads that have open rejects, newest first.
pub fn by_load(conn: &mut PgConnection) -> QueryResult<Vec<OfLoad>> {
    sql_query(include_str!("rejects_by_load.sql")).load(conn)
}

/// The open rejects of a load, in the order of the lines.
pub fn of_load(conn: &mut PgConnection, load_id: i64) -> QueryResult<Vec<Finding>> {
    sql_query(include_str!("rejects_of_load.sql"))
        .bind::<BigInt, _>(load_id)
        .load(conn)
}

/// The rows of a load's open errors, each once, in the order of the lines.
pub fn originals(conn: &mut PgConnection, load_id: i64) -> QueryResult<Vec<Original>> {
    sql_query(include_str!("rejected_rows.sql"))
        .bind::<BigInt, _>(load_id)
        .load(conn)
}
