//! What only the server can tell of landed values: whether it reads them, whether they stay as they
//! are, and whether the checks of their domains hold. A row with one of which that is not so is a
//! reject like any other.
//!
//! It is asked of all rows at once. That ends in an error where the server cannot read one of them;
//! only then are they asked block by block, and one by one in a block with such a row.

use diesel::connection::SimpleConnection;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Text};

use super::{Line, taken_out};
use crate::contract::{Column, Domain};
use crate::db::prelude::*;
use crate::db::transaction;
use crate::merge::MergeError;
use crate::merge::sql::{self, Doubt, Question, Shape};
use crate::stage::reject::{Place, Reject, RejectColumn, RejectKind};
use crate::stage::{Finding, Staged};

/// Takes out the rows that the server does not take as they were meant.
pub(super) fn refuse(
    conn: &mut PgConnection,
    shape: Shape<'_>,
    staged: &Staged,
) -> Result<Vec<Finding>, MergeError> {
    let mut findings = Vec::new();
    let columns = &shape.contract.columns;
    let filled = shape.filled.iter().map(|column| &columns[*column]);
    for (column, field) in filled.zip(&staged.fields) {
        for question in sql::questions(column) {
            let refused = ask(conn, &question)?;
            for (lines, fault) in [
                (refused.failed, Fault::Failed),
                (refused.altered, Fault::Altered),
            ] {
                findings.extend(taken_out(staged, &lines, |place| {
                    reject(place, column, field, question.about, fault)
                })?);
            }
        }
    }
    Ok(findings)
}

/// The rows that were taken out.
#[derive(Default)]
struct Refused {
    /// The server answered with an error.
    failed: Vec<Line>,
    /// It would have stored another value.
    altered: Vec<Line>,
}

#[derive(Clone, Copy)]
enum Fault {
    Failed,
    Altered,
}

fn ask(conn: &mut PgConnection, question: &Question) -> QueryResult<Refused> {
    let mut failed = Vec::new();
    let altered = match remove(conn, question) {
        Err(error) if can_be_of_a_value(&error) => {
            failed = remove_failing(conn, question)?;
            remove(conn, question)?
        }
        answered => answered?,
    };
    Ok(Refused { failed, altered })
}

/// Within a savepoint: an error leaves everything as it was.
fn remove(conn: &mut PgConnection, question: &Question) -> QueryResult<Vec<Line>> {
    transaction(conn, |conn| sql_query(question.remove()).load(conn))
}

fn remove_failing(conn: &mut PgConnection, question: &Question) -> QueryResult<Vec<Line>> {
    conn.batch_execute(include_str!("failing.sql"))?;
    let failing: Vec<Line> =
        sql_query("select line from pg_temp.hayloft_failing($1) as failing (line)")
            .bind::<Text, _>(question.ask())
            .load(conn)?;
    let lines: Vec<i64> = failing.iter().map(|failing| failing.line).collect();
    sql_query(include_str!("../dimension/remove_lines.sql"))
        .bind::<Array<BigInt>, _>(&lines)
        .load(conn)
}

/// Whether a row may be at fault. Where none is, the same comes again when they are asked one by one.
fn can_be_of_a_value(error: &Error) -> bool {
    use DatabaseErrorKind::{CheckViolation, NotNullViolation, Unknown};
    matches!(
        error,
        Error::DatabaseError(CheckViolation | NotNullViolation | Unknown, _)
    )
}

fn reject(
    place: Place,
    column: &Column,
    field: &RejectColumn,
    doubt: Doubt,
    fault: Fault,
) -> Reject {
    let (name, sql) = (column.name.name(), column.column_type.sql());
    let (kind, message) = match (&column.domain, doubt, fault) {
        (Some(domain), Doubt::Domain, _) => (
            RejectKind::CheckFailed,
            format!("`{name}` is refused by {}.", told_checks(domain)),
        ),
        (_, _, Fault::Failed) => (
            RejectKind::BadType,
            format!("`{name}` is not a value of type {sql}."),
        ),
        (_, _, Fault::Altered) => (
            RejectKind::Overflow,
            format!(
                "`{name}` does not fit {sql} as it is, and Hayloft neither rounds nor cuts off."
            ),
        ),
    };
    Reject {
        place,
        column: Some(field.clone()),
        kind,
        message,
    }
}

fn told_checks(domain: &Domain) -> String {
    let Domain { sql, checks } = domain;
    match &checks[..] {
        [only] => format!("the check {only} of the domain {sql}"),
        several => format!("a check of the domain {sql}: {}", several.join(" or ")),
    }
}
