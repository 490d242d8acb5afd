//! Facts that wait for their dimension.

use diesel::sql_query;
use diesel::sql_types::{BigInt, Text};
use serde::Serialize;

use crate::db::prelude::*;

/// How many facts of a table wait for members of a dimension. A fact that waits for members of
/// two dimensions is counted with both.
#[derive(QueryableByName, Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The fact table.
    #[diesel(sql_type = Text)]
    pub table: String,
    /// The dimension that is to bring the members.
    #[diesel(sql_type = Text)]
    pub dimension: String,
    /// Facts that wait.
    #[diesel(sql_type = BigInt)]
    pub facts: i64,
    /// Members that they wait for.
    #[diesel(sql_type = BigInt)]
    pub members: i64,
}

/// What waits for what.
pub fn waiting(conn: &mut PgConnection) -> QueryResult<Vec<Waiting>> {
    sql_query(include_str!("held.sql")).load(conn)
}
