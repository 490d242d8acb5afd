//! What the demo asks of its database.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz};

use crate::db::prelude::*;
use crate::printer::columns::{Columns, Side};

/// How much there is, of everything that is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Counts {
    /// Current versions: one for each person.
    pub(super) people: u64,
    /// All versions.
    pub(super) versions: u64,
    /// Facts.
    pub(super) transactions: u64,
    /// Facts that wait.
    pub(super) held: u64,
    /// Rows that could not be used.
    pub(super) rejects: u64,
    /// Rows that lost against another row with the same key.
    pub(super) duplicates: u64,
}

pub(super) fn counts(conn: &mut PgConnection) -> QueryResult<Counts> {
    let mut count = |sql: &str| -> QueryResult<u64> {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            count: i64,
        }
        let Count { count } = sql_query(sql).get_result(conn)?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    Ok(Counts {
        people: count("select count(*) from datawarehouse.users where is_current")?,
        versions: count("select count(*) from datawarehouse.users")?,
        transactions: count("select count(*) from datawarehouse.transactions")?,
        held: count("select count(*) from hayloft.held_fact")?,
        rejects: count(
            "select count(distinct (load_id, line)) from hayloft.reject where severity = 'error'",
        )?,
        duplicates: count("select count(*) from hayloft.reject where severity = 'warning'")?,
    })
}

/// The rows that could not be used: where, and why; never what they say.
pub(super) fn rejects(conn: &mut PgConnection) -> QueryResult<Columns> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        line: i64,
        #[diesel(sql_type = Nullable<Text>)]
        column_name: Option<String>,
        #[diesel(sql_type = Text)]
        message: String,
    }
    let rows: Vec<Row> = sql_query(
        "select line, column_name, message from hayloft.reject
         where severity = 'error' order by load_id, line, reject_id",
    )
    .load(conn)?;
    let mut table = Columns::new(&[
        ("line", Side::Right),
        ("column", Side::Left),
        ("reason", Side::Left),
    ]);
    for row in rows {
        let column = row.column_name.unwrap_or_else(|| "(all)".to_owned());
        // Most sentences begin with the column, which has a place of its own here.
        let named = format!("`{column}` ");
        let reason = row.message.strip_prefix(&named).unwrap_or(&row.message);
        table.row([row.line.to_string(), column, reason.to_owned()]);
    }
    Ok(table)
}

/// One version of a person.
#[derive(QueryableByName, Debug)]
pub(super) struct Version {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Date)]
    date_of_birth: NaiveDate,
    #[diesel(sql_type = Timestamptz)]
    effective_start_date: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    effective_end_date: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    is_current: bool,
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    source_line: i64,
}

/// One person's versions, oldest first.
pub(super) fn versions(conn: &mut PgConnection, email: &str) -> QueryResult<Vec<Version>> {
    sql_query(
        "select version_number as number, name, date_of_birth, effective_start_date, effective_end_date,
                is_current, load_id, source_line
         from datawarehouse.users where email = $1 order by effective_start_date",
    )
    .bind::<Text, _>(email)
    .load(conn)
}

pub(super) fn one_below_the_other(versions: &[Version]) -> Columns {
    let mut table = Columns::new(&[
        ("version", Side::Right),
        ("name", Side::Left),
        ("born", Side::Left),
        ("from", Side::Left),
        ("to", Side::Left),
        ("current", Side::Left),
        ("written by", Side::Left),
    ]);
    let time = |instant: DateTime<Utc>| instant.format("%H:%M:%S%.3f").to_string();
    for version in versions {
        let end = version.effective_end_date;
        table.row([
            version.number.to_string(),
            version.name.clone(),
            version.date_of_birth.to_string(),
            time(version.effective_start_date),
            end.map_or_else(|| "open".to_owned(), time),
            if version.is_current { "yes" } else { "no" }.to_owned(),
            origin(version.load_id, version.source_line),
        ]);
    }
    table
}

/// One fact.
#[derive(QueryableByName, Debug)]
pub(super) struct Transaction {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Date)]
    day: NaiveDate,
    #[diesel(sql_type = Text)]
    amount: String,
    #[diesel(sql_type = BigInt)]
    load_id: i64,
    #[diesel(sql_type = BigInt)]
    source_line: i64,
}

/// One person's facts, found by the durable key: by whichever version of the person.
pub(super) fn transactions(conn: &mut PgConnection, email: &str) -> QueryResult<Vec<Transaction>> {
    sql_query(
        "select t.id, t.transaction_date as day, t.amount::text as amount, t.load_id, t.source_line
         from datawarehouse.transactions t
         join datawarehouse.users u on u.user_id = t.user_id and u.is_current
         where u.email = $1 order by t.id",
    )
    .bind::<Text, _>(email)
    .load(conn)
}

pub(super) fn side_by_side(before: &[Transaction], after: &[Transaction]) -> Columns {
    let mut table = Columns::new(&[
        ("id", Side::Right),
        ("date", Side::Left),
        ("before", Side::Right),
        ("after", Side::Right),
        ("written by", Side::Left),
    ]);
    for now in after {
        let then = before.iter().find(|then| then.id == now.id);
        table.row([
            now.id.to_string(),
            now.day.to_string(),
            then.map_or_else(|| "-".to_owned(), |then| then.amount.clone()),
            now.amount.clone(),
            origin(now.load_id, now.source_line),
        ]);
    }
    table
}

fn origin(load_id: i64, line: i64) -> String {
    format!("load {load_id}, line {line}")
}
