//! Statements that write to a person's own tables, and what such a table has against them.
//!
//! Diesel keeps no SQLSTATE, and a message of the server may hold values of a row. So where it has to
//! be known what refused a statement, the statement runs inside a function of the session that
//! catches the error ([`catching`]). Its answer has the SQLSTATE, and those names that the catalog
//! has as well: a trigger can give any text for a name. Everywhere else a statement runs as it is.

use std::cell::RefCell;

use chrono::{DateTime, Utc};
use diesel::result::Error as DbError;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};

use super::prelude::*;

/// Makes the function that catches. Once a session.
pub const PREPARE: &str = include_str!("attempt/prepare.sql");

/// What a statement is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To end versions, or take them away: no value of a new row is in it.
    Close,
    /// To write what rows say.
    Write,
}

/// The binds of a statement, in their order.
#[derive(Clone, Copy, Debug)]
pub enum Binds<'b> {
    /// None.
    None,
    /// An instant.
    Instant(DateTime<Utc>),
    /// An instant and a load.
    Load(DateTime<Utc>, i64),
    /// An instant, the name of a table, and a text.
    Table(DateTime<Utc>, &'b str, &'b str),
}

/// What a table has against a statement. None of it is a value of a row.
#[derive(QueryableByName, Clone, PartialEq, Eq, Debug)]
pub struct RuleBreach {
    /// The SQLSTATE.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// The constraint or index, if the catalog has one of this name.
    #[diesel(sql_type = Nullable<Text>)]
    pub constraint: Option<String>,
    /// The table, if there is one of this name.
    #[diesel(sql_type = Nullable<Text>)]
    pub table_name: Option<String>,
    /// The column, if there is one of this name.
    #[diesel(sql_type = Nullable<Text>)]
    pub column_name: Option<String>,
    /// The domain, if there is one of this name.
    #[diesel(sql_type = Nullable<Text>)]
    pub domain: Option<String>,
    /// The triggers that may have raised it, by their function.
    #[diesel(sql_type = Nullable<Text>)]
    pub triggers: Option<String>,
}

thread_local! {
    static CATCHING: RefCell<Option<Caught>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Caught(Option<(Purpose, RuleBreach)>);

/// Does some work in which statements of [`write()`] and [`read()`] are caught; what was caught, if
/// anything was. The work then ends with an error that means nothing else.
pub fn catching<T>(work: impl FnOnce() -> T) -> (T, Option<(Purpose, RuleBreach)>) {
    let _catching = Catching::begin();
    let done = work();
    let caught = CATCHING.take();
    (done, caught.and_then(|Caught(caught)| caught))
}

/// Statements of this thread are caught as long as there is one, also where the work panics: the thread
/// goes on with other files then.
struct Catching;

impl Catching {
    fn begin() -> Self {
        CATCHING.replace(Some(Caught::default()));
        Self
    }
}

impl Drop for Catching {
    fn drop(&mut self) {
        CATCHING.take();
    }
}

fn is_catching() -> bool {
    CATCHING.with_borrow(Option::is_some)
}

/// Runs a statement that writes; how many rows it wrote.
pub fn write(
    conn: &mut PgConnection,
    purpose: Purpose,
    statement: &str,
    binds: Binds<'_>,
) -> QueryResult<u64> {
    if is_catching() {
        return attempt(conn, purpose, statement, binds, Answer::Count);
    }
    let query = sql_query(statement);
    let rows = match binds {
        Binds::None => query.execute(conn),
        Binds::Instant(at) => query.bind::<Timestamptz, _>(at).execute(conn),
        Binds::Load(at, load) => query
            .bind::<Timestamptz, _>(at)
            .bind::<BigInt, _>(load)
            .execute(conn),
        Binds::Table(at, table, text) => query
            .bind::<Timestamptz, _>(at)
            .bind::<Text, _>(table)
            .bind::<Text, _>(text)
            .execute(conn),
    };
    Ok(rows? as u64)
}

/// Runs a statement that writes and gives one row, of an instant, the name of a table and a text. Where
/// it is caught nobody asks for the row.
pub fn read<R>(
    conn: &mut PgConnection,
    statement: &str,
    (at, table, text): (DateTime<Utc>, &str, &str),
) -> QueryResult<R>
where
    R: Default + diesel::deserialize::QueryableByName<diesel::pg::Pg> + 'static,
{
    if is_catching() {
        let binds = Binds::Table(at, table, text);
        attempt(conn, Purpose::Write, statement, binds, Answer::Row)?;
        return Ok(R::default());
    }
    sql_query(statement)
        .bind::<Timestamptz, _>(at)
        .bind::<Text, _>(table)
        .bind::<Text, _>(text)
        .get_result(conn)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Count,
    Row,
}

fn attempt(
    conn: &mut PgConnection,
    purpose: Purpose,
    statement: &str,
    binds: Binds<'_>,
    answer: Answer,
) -> QueryResult<u64> {
    #[derive(QueryableByName)]
    struct Attempted {
        #[diesel(sql_type = Nullable<BigInt>)]
        written: Option<i64>,
        #[diesel(embed)]
        breach: RuleBreach,
    }
    let (at, load, table, text) = match binds {
        Binds::None => (None, None, None, None),
        Binds::Instant(at) => (Some(at), None, None, None),
        Binds::Load(at, load) => (Some(at), Some(load), None, None),
        Binds::Table(at, table, text) => (Some(at), None, Some(table), Some(text)),
    };
    let attempted: Attempted = sql_query(include_str!("attempt/run.sql"))
        .bind::<Text, _>(statement)
        .bind::<Nullable<Timestamptz>, _>(at)
        .bind::<Nullable<BigInt>, _>(load)
        .bind::<Nullable<Text>, _>(table)
        .bind::<Bool, _>(answer == Answer::Row)
        .bind::<Nullable<Text>, _>(text)
        .get_result(conn)?;
    if let Some(written) = attempted.written {
        return Ok(u64::try_from(written).unwrap_or(0));
    }
    CATCHING.replace(Some(Caught(Some((purpose, attempted.breach)))));
    Err(DbError::RollbackTransaction)
}

impl RuleBreach {
    /// What refuses, as a sentence begins.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self {
            state,
            constraint,
            table_name,
            column_name,
            domain,
            triggers,
        } = self;
        if let Some(triggers) = triggers {
            return format!("The trigger {triggers} refuses the row (SQLSTATE {state}).");
        }
        match (state.as_str(), constraint, domain, column_name) {
            ("23514", Some(constraint), Some(domain), _) => {
                format!("The constraint `{constraint}` of the domain `{domain}` refuses a value.")
            }
            ("23514", Some(constraint), ..) => {
                format!("The constraint `{constraint}` refuses the row.")
            }
            ("23514", ..) if table_name.is_some() => {
                "The table is partitioned, and no partition has a place for the row.".to_owned()
            }
            ("23502", _, Some(domain), _) => {
                format!("A value is missing that the domain `{domain}` requires.")
            }
            ("23502", _, _, Some(column)) => {
                format!("`{column}` has no value, and the column must have one.")
            }
            ("23503", Some(constraint), ..) => format!(
                "The foreign key `{constraint}` refuses the row: what the row refers to is not there."
            ),
            ("23505", Some(constraint), ..) => format!(
                "The unique constraint `{constraint}` refuses the row: another row has the same values."
            ),
            ("23P01", Some(constraint), ..) => format!(
                "The exclusion constraint `{constraint}` refuses the row: another row is in its way."
            ),
            (_, Some(constraint), ..) => {
                format!("The constraint `{constraint}` refuses the row (SQLSTATE {state}).")
            }
            _ => format!("The table refuses the row (SQLSTATE {state})."),
        }
    }
}

#[cfg(test)]
mod tests;
