//! Values that the ledger keeps, of a column that has another type now (semantics §20.3).
//!
//! The server makes of the text of each what it makes of any text of the new type. What the type does
//! not take, or takes only cut or rounded, stays as it was and is marked: whatever needs it is refused.

use diesel::sql_query;
use diesel::sql_types::Text;

use crate::contract::ColumnId;
use crate::db::prelude::*;

/// Converts what the ledger keeps of a column.
pub(super) fn convert(
    conn: &mut PgConnection,
    table: &str,
    column: &ColumnId,
    type_sql: &str,
) -> QueryResult<()> {
    sql_query(include_str!("retype/begin.sql")).execute(conn)?;
    sql_query(include_str!("retype/lapse.sql"))
        .bind::<Text, _>(table)
        .bind::<Text, _>(column.as_str())
        .execute(conn)?;
    sql_query(include_str!("retype/convert.sql"))
        .bind::<Text, _>(table)
        .bind::<Text, _>(column.as_str())
        .bind::<Text, _>(type_sql)
        .execute(conn)
        .map(drop)
}
