//! A value of one type → the text that another type makes of it, or that it does not fit.
//!
//! In: functions of the session's own, made once for each transaction that converts. Out: for each value its
//! text, or NULL where the other type does not take it, or takes it only cut or rounded. Which values are
//! asked for, and what becomes of one that does not fit, is not known here.

use diesel::sql_query;

use crate::db::prelude::*;

/// The functions that the conversion is made of. `hayloft_converted` is the one to be called.
pub const FUNCTIONS: [&str; 5] = [
    include_str!("conversion/converted.sql"),
    include_str!("conversion/plain.sql"),
    include_str!("conversion/category.sql"),
    include_str!("conversion/comes_back.sql"),
    include_str!("conversion/is_parsed_whole.sql"),
];

/// Makes the functions that read a held row's value, and write it.
pub(super) fn prepare_held(conn: &mut PgConnection) -> QueryResult<()> {
    for function in [
        include_str!("conversion/print.sql"),
        include_str!("conversion/as_json.sql"),
    ] {
        sql_query(function).execute(conn)?;
    }
    Ok(())
}

/// Makes the functions.
pub(super) fn prepare(conn: &mut PgConnection) -> QueryResult<()> {
    for function in FUNCTIONS {
        sql_query(function).execute(conn)?;
    }
    Ok(())
}
