//! Tables that the ledger calls otherwise than they are called now.
//!
//! In: a connection. Out: the two names of each. What follows from it is not known here.

use diesel::sql_query;
use diesel::sql_types::Text;

use crate::contract::WAREHOUSE;
use crate::db::prelude::*;

/// A table that the ledger knows by another name.
#[derive(QueryableByName)]
pub struct RenamedTable {
    /// What the ledger calls it.
    #[diesel(sql_type = Text)]
    pub before: String,
    /// What it is called.
    #[diesel(sql_type = Text)]
    pub now: String,
}

/// The tables of the warehouse that were renamed since the ledger last looked.
pub fn renamed_tables(conn: &mut PgConnection) -> QueryResult<Vec<RenamedTable>> {
    sql_query(include_str!("renamed_tables.sql"))
        .bind::<Text, _>(WAREHOUSE)
        .load(conn)
}
