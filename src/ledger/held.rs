//! Facts that wait for their dimension.

use diesel::sql_query;
use diesel::sql_types::{BigInt, Nullable, Text};
use serde::Serialize;

use crate::db::prelude::*;

/// How many facts of a table wait for members of a dimension, or are refused for one reason. A fact that
/// waits for members of two dimensions is counted with both.
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
    /// Why they are not let in though their members may be there: their table refuses them.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What waits for what.
pub fn waiting(conn: &mut PgConnection) -> QueryResult<Vec<Waiting>> {
    sql_query(include_str!("held.sql")).load(conn)
}
