//! Values that the ledger keeps, of a column that has another type now (semantics §20.3).
//!
//! The server makes of the text of each what it makes of any text of the new type. What the type does
//! not take, or takes only cut or rounded, stays as it was and is marked: whatever needs it is refused. A
//! value is whole if it is the same again in the type of before. A held fact with one that is not whole is not
//! let in.

use diesel::sql_query;
use diesel::sql_types::Text;

use crate::contract::ColumnId;
use crate::db::prelude::*;
use crate::merge::conversion;

/// A column that has another type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retyped<'a> {
    pub(super) table: &'a str,
    pub(super) column: &'a ColumnId,
    /// The type that it had, as SQL.
    pub(super) from: &'a str,
    /// The one that it has.
    pub(super) to: &'a str,
}

/// Converts what the ledger keeps of a column, and what facts say of it that are held.
pub(super) fn convert(conn: &mut PgConnection, retyped: Retyped<'_>) -> QueryResult<()> {
    let Retyped {
        table,
        column,
        from,
        to,
    } = retyped;
    conversion::prepare(conn)?;
    super::lapse(conn, table, column)?;
    sql_query(include_str!("retype/convert.sql"))
        .bind::<Text, _>(table)
        .bind::<Text, _>(column.as_str())
        .bind::<Text, _>(from)
        .bind::<Text, _>(to)
        .execute(conn)?;
    convert_held(conn, retyped)
}

fn convert_held(conn: &mut PgConnection, retyped: Retyped<'_>) -> QueryResult<()> {
    conversion::prepare_held(conn)?;
    sql_query(include_str!("retype/convert_held.sql"))
        .bind::<Text, _>(retyped.table)
        .bind::<Text, _>(retyped.column.as_str())
        .bind::<Text, _>(retyped.from)
        .bind::<Text, _>(retyped.to)
        .execute(conn)
        .map(drop)
}
