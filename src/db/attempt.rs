//! Statements that write to a person's own tables, and what such a table has against them.
//!
//! Diesel keeps no SQLSTATE, and a message of the server may hold values of a row. So where it has to
//! be known what refused a statement, the statement runs inside a function of the session that
//! catches the error ([`catching`]). Its answer has the SQLSTATE, and those names that the catalog
//! has as well: a trigger can give any text for a name. Everywhere else a statement runs as it is.
//!
//! Where it has to be known which rows a statement is refused for ([`sieving`]), it runs inside another
//! one, that gives it the rows of its source some at a time.

use std::cell::RefCell;

use chrono::{DateTime, Utc};
use diesel::result::Error as DbError;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};
use uuid::Uuid;

use super::prelude::*;

/// Makes the functions that catch. Once a session.
pub const PREPARE: &str = concat!(
    include_str!("attempt/prepare.sql"),
    include_str!("attempt/sieve.sql")
);

/// What a statement is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To end versions, or take them away: no value of a new row is in it.
    Close,
    /// To write what the rows of a temporary table say.
    Write(Rows),
    /// To have checked what is checked later.
    Check,
}

/// The temporary table that a statement has its rows from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rows {
    /// The landed ones.
    Landing,
    /// The keys of a dimension that get a new version.
    Change,
    /// The facts that differ from what landed.
    ChangedFact,
    /// The held facts whose member has come.
    Met,
    /// What becomes of versions.
    Refold,
    /// What becomes of facts.
    RefoldedFact,
}

impl Rows {
    fn table(self) -> &'static str {
        match self {
            Self::Landing => "hayloft_landing",
            Self::Change => "hayloft_change",
            Self::ChangedFact => "hayloft_changed_fact",
            Self::Met => "hayloft_met",
            Self::Refold => "hayloft_refold",
            Self::RefoldedFact => "hayloft_refolded_fact",
        }
    }

    /// The place of each of its rows, the line of the load's file that it is from, if it is, and its key.
    /// Binds: the load, the name of the fact table.
    fn in_order(self) -> &'static str {
        match self {
            Self::Landing | Self::Change | Self::ChangedFact => {
                "select ctid, hayloft_line, hayloft_key from pg_temp.hayloft_sieved"
            }
            Self::Met => include_str!("attempt/met.sql"),
            Self::Refold | Self::RefoldedFact => include_str!("attempt/refolded.sql"),
        }
    }
}

/// How the rows are looked for that a statement is refused for.
#[derive(Clone, Copy, Debug)]
pub struct Sieve {
    /// The load that they are of.
    pub load: i64,
    /// How many are enough.
    pub enough: i64,
}

/// A row that a statement is refused for.
#[derive(QueryableByName, Clone, PartialEq, Eq, Debug)]
pub struct RefusedRow {
    /// Its line in the file. None if it is what an earlier load said.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub line: Option<i64>,
    /// Its key.
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    pub key: Uuid,
    /// What refuses it.
    #[diesel(embed)]
    pub breach: RuleBreach,
}

/// What was caught of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Caught {
    /// It is refused, for whatever rows.
    Whole(Purpose, RuleBreach),
    /// It is refused for these rows alone.
    Rows(Vec<RefusedRow>),
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
    /// An instant and the name of a table.
    Table(DateTime<Utc>, &'b str),
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
    static CATCHING: RefCell<Option<Catching>> = const { RefCell::new(None) };
}

struct Catching {
    how: How,
    caught: Option<Caught>,
}

#[derive(Clone, Copy)]
enum How {
    Whole,
    Sieve(Sieve),
}

/// Does some work in which statements of [`write()`] and [`read()`] are caught; what was caught, if
/// anything was. The work then ends with an error that means nothing else.
pub fn catching<T>(work: impl FnOnce() -> T) -> (T, Option<(Purpose, RuleBreach)>) {
    let (done, caught) = catching_so(How::Whole, work);
    match caught {
        Some(Caught::Whole(purpose, breach)) => (done, Some((purpose, breach))),
        Some(Caught::Rows(_)) | None => (done, None),
    }
}

/// The same, and where such a statement is refused, finds the rows that it is refused for.
pub fn sieving<T>(sieve: Sieve, work: impl FnOnce() -> T) -> (T, Option<Caught>) {
    catching_so(How::Sieve(sieve), work)
}

fn catching_so<T>(how: How, work: impl FnOnce() -> T) -> (T, Option<Caught>) {
    let _guard = CatchingGuard::begin(how);
    let done = work();
    let caught = CATCHING.take().and_then(|catching| catching.caught);
    (done, caught)
}

/// Statements of this thread are caught as long as there is one, also where the work panics: the thread
/// goes on with other files then.
struct CatchingGuard;

impl CatchingGuard {
    fn begin(how: How) -> Self {
        CATCHING.replace(Some(Catching { how, caught: None }));
        Self
    }
}

impl Drop for CatchingGuard {
    fn drop(&mut self) {
        CATCHING.take();
    }
}

fn how_caught() -> Option<How> {
    CATCHING.with_borrow(|catching| catching.as_ref().map(|catching| catching.how))
}

fn catch(caught: Caught) -> DbError {
    CATCHING.with_borrow_mut(|catching| {
        if let Some(catching) = catching {
            catching.caught = Some(caught);
        }
    });
    DbError::RollbackTransaction
}

/// Runs a statement that writes; how many rows it wrote.
pub fn write(
    conn: &mut PgConnection,
    purpose: Purpose,
    statement: &str,
    binds: Binds<'_>,
) -> QueryResult<u64> {
    if let Some(how) = how_caught() {
        return attempt(conn, how, purpose, statement, binds, Answer::Count);
    }
    let query = sql_query(statement);
    let rows = match binds {
        Binds::None => query.execute(conn),
        Binds::Instant(at) => query.bind::<Timestamptz, _>(at).execute(conn),
        Binds::Load(at, load) => query
            .bind::<Timestamptz, _>(at)
            .bind::<BigInt, _>(load)
            .execute(conn),
        Binds::Table(at, table) => query
            .bind::<Timestamptz, _>(at)
            .bind::<Text, _>(table)
            .execute(conn),
    };
    Ok(rows? as u64)
}

/// Runs a statement that writes held facts and gives one row, of an instant and the name of a table. Where
/// it is caught nobody asks for the row.
pub fn read<R>(
    conn: &mut PgConnection,
    statement: &str,
    (at, table): (DateTime<Utc>, &str),
) -> QueryResult<R>
where
    R: Default + diesel::deserialize::QueryableByName<diesel::pg::Pg> + 'static,
{
    if let Some(how) = how_caught() {
        let (purpose, binds) = (Purpose::Write(Rows::Met), Binds::Table(at, table));
        attempt(conn, how, purpose, statement, binds, Answer::Row)?;
        return Ok(R::default());
    }
    sql_query(statement)
        .bind::<Timestamptz, _>(at)
        .bind::<Text, _>(table)
        .get_result(conn)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Count,
    Row,
}

fn attempt(
    conn: &mut PgConnection,
    how: How,
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
    let (at, load, table) = binds.each();
    let attempted: Attempted = sql_query(include_str!("attempt/run.sql"))
        .bind::<Text, _>(statement)
        .bind::<Nullable<Timestamptz>, _>(at)
        .bind::<Nullable<BigInt>, _>(load)
        .bind::<Nullable<Text>, _>(table)
        .bind::<Bool, _>(answer == Answer::Row)
        .get_result(conn)?;
    if let Some(written) = attempted.written {
        return Ok(u64::try_from(written).unwrap_or(0));
    }
    let caught = match (how, purpose) {
        (How::Sieve(sieve), Purpose::Write(rows)) => {
            let refused = refused_rows(conn, sieve, rows, statement, binds, answer)?;
            if refused.iter().any(|row| row.line.is_some()) {
                Caught::Rows(refused)
            } else {
                Caught::Whole(purpose, attempted.breach)
            }
        }
        _ => Caught::Whole(purpose, attempted.breach),
    };
    Err(catch(caught))
}

/// Runs a statement that was refused for some of its rows at a time; those that it is refused for.
fn refused_rows(
    conn: &mut PgConnection,
    sieve: Sieve,
    rows: Rows,
    statement: &str,
    binds: Binds<'_>,
    answer: Answer,
) -> QueryResult<Vec<RefusedRow>> {
    let (at, load, table) = binds.each();
    sql_query(include_str!("attempt/run_sieve.sql"))
        .bind::<Text, _>(statement)
        .bind::<Nullable<Timestamptz>, _>(at)
        .bind::<BigInt, _>(load.unwrap_or(sieve.load))
        .bind::<Nullable<Text>, _>(table)
        .bind::<Bool, _>(answer == Answer::Row)
        .bind::<Text, _>(rows.table())
        .bind::<Text, _>(rows.in_order())
        .bind::<BigInt, _>(sieve.enough)
        .load(conn)
}

/// An instant, a load, the name of a table.
type Each<'b> = (Option<DateTime<Utc>>, Option<i64>, Option<&'b str>);

impl<'b> Binds<'b> {
    fn each(self) -> Each<'b> {
        match self {
            Binds::None => (None, None, None),
            Binds::Instant(at) => (Some(at), None, None),
            Binds::Load(at, load) => (Some(at), Some(load), None),
            Binds::Table(at, table) => (Some(at), None, Some(table)),
        }
    }
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
