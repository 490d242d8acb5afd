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
    if !widens(from, to) {
        super::lapse(conn, table, column)?;
    }
    sql_query(include_str!("retype/convert.sql"))
        .bind::<Text, _>(table)
        .bind::<Text, _>(column.as_str())
        .bind::<Text, _>(from)
        .bind::<Text, _>(to)
        .execute(conn)?;
    sql_query(include_str!("retype/convert_defaults.sql"))
        .bind::<Text, _>(table)
        .bind::<Text, _>(column.as_str())
        .bind::<Text, _>(from)
        .bind::<Text, _>(to)
        .execute(conn)?;
    convert_held(conn, retyped)
}

/// Whether every value of the one type is the same value of the other, and is digested alike: then what rows
/// said can be proved as before.
fn widens(from: &str, to: &str) -> bool {
    const WHOLE: [&str; 3] = ["smallint", "integer", "bigint"];
    const TEXTS: [&str; 2] = ["character varying", "text"];
    const TIMES: [&str; 2] = ["timestamp without time zone", "timestamp with time zone"];
    let ((plain, limits), (other, other_limits)) = (parts(from), parts(to));
    let both_of = |types: &[&str]| {
        let place = |name: &str| types.iter().position(|it| *it == name);
        place(&plain).zip(place(&other))
    };
    if let Some((narrow, wide)) = both_of(&WHOLE) {
        return narrow <= wide;
    }
    // Without a limit anything fits that fitted, and with one whatever fitted a narrower one.
    let has_room = |last: fn(&[i32]) -> Option<i32>| match (last(&limits), last(&other_limits)) {
        (_, None) => true,
        (Some(narrow), Some(wide)) => narrow <= wide,
        (None, Some(_)) => false,
    };
    if both_of(&TEXTS).is_some() || plain == other && TIMES.contains(&plain.as_str()) {
        return has_room(|limits| limits.first().copied());
    }
    plain == "numeric" && other == "numeric" && has_room(scale)
}

/// How many digits a `numeric` has after its point, if there is a limit.
fn scale(limits: &[i32]) -> Option<i32> {
    match limits {
        [] => None,
        [_precision] => Some(0),
        [_precision, scale, ..] => Some(*scale),
    }
}

/// A type's name, and what stands in its brackets.
fn parts(type_sql: &str) -> (String, Vec<i32>) {
    let parted = type_sql.split_once('(').and_then(|(before, rest)| {
        let (limits, after) = rest.split_once(')')?;
        let limits = limits.split(',').map(|limit| limit.trim().parse().ok());
        Some((format!("{before}{after}"), limits.collect::<Option<_>>()?))
    });
    parted.unwrap_or_else(|| (type_sql.to_owned(), Vec::new()))
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

#[cfg(test)]
mod tests {
    use super::widens;

    #[test]
    fn a_wider_type_keeps_every_value() {
        for (from, to) in [
            ("smallint", "bigint"),
            ("numeric(8,2)", "numeric(6,3)"),
            ("numeric(8)", "numeric(9,1)"),
            ("numeric(8,2)", "numeric"),
            ("character varying(3)", "text"),
            ("text", "character varying"),
            ("timestamp(3) with time zone", "timestamp with time zone"),
        ] {
            assert!(widens(from, to), "{from} {to}");
        }
    }

    #[test]
    fn any_other_type_may_change_a_value() {
        for (from, to) in [
            ("integer", "smallint"),
            ("integer", "numeric"),
            ("numeric(8,2)", "numeric(9,1)"),
            ("numeric", "numeric(9,1)"),
            ("text", "character varying(3)"),
            ("character(3)", "text"),
            ("timestamp without time zone", "timestamp with time zone"),
            ("real", "double precision"),
            ("json", "jsonb"),
        ] {
            assert!(!widens(from, to), "{from} {to}");
        }
    }
}
