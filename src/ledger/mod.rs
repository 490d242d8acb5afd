//! The ledger, read back: what people ask it after the loads.
//!
//! In: a connection. Out: rows as plain structs, which the text for people and the JSON for
//! scripts are both made from. Nothing here writes; what writes the ledger is
//! [`crate::merge::ledger`], within the transaction of a load. How it packs keys, and which words it has, both must know
//! ([`packed`], [`words`]).

pub mod columns;
pub mod held;
pub mod loads;
pub mod packed;
pub mod rejects;
pub mod renamed;
pub mod words;

use diesel::sql_query;
use diesel::sql_types::Bool;

use crate::db::prelude::*;

/// Whether the ledger's tables are there: a database without the migrations has none.
pub fn exists(conn: &mut PgConnection) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = Bool)]
        there: bool,
    }
    sql_query(include_str!("exists.sql"))
        .get_result(conn)
        .map(|answer: Answer| answer.there)
}
