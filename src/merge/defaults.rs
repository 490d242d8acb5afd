//! What new keys get in columns of which their file does not speak.
//!
//! In: the columns that a file fills, and a connection. Out: for each other column that has a default
//! the value of that, evaluated once in the load's own transaction: as the server fills it in where the
//! rows go in by themselves, and as the ledger keeps it with the load. What a key had before, and what
//! becomes of a version, it does not know.

use std::sync::Arc;

use diesel::sql_query;
use diesel::sql_types::{Array, Nullable, Text};

use super::MergeError;
use super::history::{Cell, Defaults, cells, document};
use super::sql::{self, Shape};
use crate::contract::Kind;
use crate::db::prelude::*;

/// Evaluates the defaults of the columns that the file leaves out. Where it leaves out none that has
/// one, nothing is asked.
pub(super) fn evaluate(conn: &mut PgConnection, shape: Shape<'_>) -> QueryResult<Defaults> {
    #[derive(QueryableByName)]
    struct Evaluated {
        #[diesel(sql_type = Array<Nullable<Text>>)]
        cells: Vec<Option<String>>,
    }
    let mut defaults: Vec<Option<Cell>> = vec![None; shape.contract.columns.len()];
    let of_facts = matches!(shape.contract.kind, Kind::Fact { .. });
    let Some(statement) = sql::evaluate_defaults(shape).filter(|_| !of_facts) else {
        return Ok(defaults.into());
    };
    let evaluated: Evaluated = sql_query(statement).get_result(conn)?;
    for (place, cell) in shape.defaulted().zip(cells(evaluated.cells)) {
        defaults[place] = Some(cell);
    }
    Ok(defaults.into())
}

/// Defaults as the ledger keeps them: an object by the ids of their columns; `None` if there are none.
pub(super) fn kept(shape: Shape<'_>, defaults: &Defaults) -> Result<Option<String>, MergeError> {
    let columns = shape.contract.columns.iter().zip(defaults.iter());
    let by_id = columns.filter_map(|(column, default)| {
        let default: Cell = default.as_ref()?.as_ref().map(Arc::clone);
        Some((column.id.as_str().to_owned(), default))
    });
    let by_id = by_id.collect();
    if shape.defaulted().next().is_none() {
        return Ok(None);
    }
    document(&by_id).map(Some)
}
