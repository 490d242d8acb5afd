//! That a table's contract does not change silently under its rows.
//!
//! In: the contract of now. Out: that it says the same as the one on record, or in what it differs.
//! A load asks before it reads a row; a difference is taken only where a person says so, and only
//! for what comes then. A table without rows takes any contract.

use std::collections::BTreeMap;
use std::fmt;

use diesel::connection::SimpleConnection;
use diesel::sql_query;
use diesel::sql_types::{Array, Bool, Nullable, Text};

use super::{is_empty, is_held_nowhere};
use crate::contract::record::{Change, Difference, Record};
use crate::contract::{Contract, Contracts, Kind, TableName};
use crate::db::prelude::*;
use crate::db::{Prepare, transaction};
use crate::merge::{MergeError, history, locks};

/// What a contract says otherwise than the one that its table was loaded under.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    table: TableName,
    differences: Vec<Difference>,
}

impl Changed {
    /// The differences.
    #[must_use]
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.table;
        let never: Vec<&Difference> = self
            .differences
            .iter()
            .filter(|difference| difference.change == Change::Never)
            .collect();
        if !never.is_empty() {
            return write!(
                f,
                "`{table}` was loaded under another contract: {}. That cannot be changed under a \
                 table that has rows, as it would write over their history. Put it back in \
                 hayloft.toml.",
                told(never)
            );
        }
        write!(
            f,
            "`{table}` was loaded under another contract: {}. If that is meant for what comes from \
             now on, say so once with `hayloft migrate --from-now {table}`; what was loaded stays \
             as it is. Otherwise put it back in hayloft.toml.",
            told(&self.differences)
        )
    }
}

fn told<'d>(differences: impl IntoIterator<Item = &'d Difference>) -> String {
    let told: Vec<String> = differences.into_iter().map(ToString::to_string).collect();
    told.join("; ")
}

/// Finds that the contract says what the one on record says, or that the table takes any, and
/// writes it down; otherwise in what it differs. For a load, under its locks.
pub(in crate::merge) fn vouch(
    conn: &mut PgConnection,
    contract: &Contract,
) -> QueryResult<Option<Changed>> {
    let now = Record::of(contract);
    let written = written(conn, contract)?;
    let record = written.as_ref().and_then(Written::record);
    if record.as_ref() == Some(&now) {
        return Ok(None);
    }
    let before = match written {
        Some(row) => row.said(contract),
        None => Some(Record::before_records(contract)),
    };
    let changed = match before {
        Some(before) => changed(conn, contract, &before, &now)?,
        None => None,
    };
    if changed.is_none() {
        write(conn, &contract.name, &now)?;
    }
    Ok(changed)
}

/// What stands between a table and its next load, if the contract is not the one on record.
pub fn waiting(conn: &mut PgConnection, contract: &Contract) -> QueryResult<Option<Changed>> {
    let Some(before) = written(conn, contract)?.and_then(|row| row.said(contract)) else {
        return Ok(None);
    };
    changed(conn, contract, &before, &Record::of(contract))
}

/// What it is to take a contract from now on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Taken {
    /// The table was never loaded.
    NothingLoaded,
    /// It says what the one on record says, or there is no row to which it matters.
    Same,
    /// It was written down.
    Changed(Changed),
}

/// Takes the contract as it is for what comes from now on, and writes down who changed what.
pub fn take_from_now(
    conn: &mut PgConnection,
    contracts: &Contracts,
    contract: &Contract,
) -> Result<Taken, MergeError> {
    transaction(conn, |conn| {
        locks::take(conn, contract, contracts)?;
        let Some(row) = written(conn, contract)? else {
            return Ok(Taken::NothingLoaded);
        };
        if row.natural_key != natural_key(contract) && !takes_any(conn, contract)? {
            let table = contract.name.clone();
            return Err(MergeError::OtherKeyColumns { table });
        }
        let now = Record::of(contract);
        let Some(before) = row.said(contract) else {
            return Ok(Taken::NothingLoaded);
        };
        let Some(changed) = changed(conn, contract, &before, &now)? else {
            return Ok(Taken::Same);
        };
        let never = |difference: &Difference| difference.change == Change::Never;
        if changed.differences.iter().any(never) {
            return Err(MergeError::OtherContract(changed));
        }
        begin_history(conn, contract, &before)?;
        note_change(conn, &contract.name, &before, &now)?;
        write(conn, &contract.name, &now)?;
        Ok(Taken::Changed(changed))
    })
}

/// What was said of columns that keep history from now on is what the table shows in them.
fn begin_history(
    conn: &mut PgConnection,
    contract: &Contract,
    before: &Record,
) -> Result<(), MergeError> {
    let Kind::Dimension { durable_key, .. } = &contract.kind else {
        return Ok(());
    };
    let mut earlier = contract.clone();
    let mut begun = Vec::new();
    for (place, column) in earlier.columns.iter_mut().enumerate() {
        let role = before.role_of(column.id.as_str()).unwrap_or(column.role);
        if role != column.role {
            begun.push(place);
        }
        column.role = role;
    }
    if begun.is_empty() {
        return Ok(());
    }
    conn.batch_execute(include_str!("../transaction.sql"))?;
    history::keep_as_shown(conn, &earlier, durable_key, &begun)
}

/// `None` also where there are differences, and no rows that they could give another meaning to.
fn changed(
    conn: &mut PgConnection,
    contract: &Contract,
    before: &Record,
    now: &Record,
) -> QueryResult<Option<Changed>> {
    let differences = before.differences(now);
    if differences.is_empty() || takes_any(conn, contract)? {
        return Ok(None);
    }
    Ok(Some(Changed {
        table: contract.name.clone(),
        differences,
    }))
}

/// Whether there is nothing that a contract could give another meaning to.
pub(super) fn takes_any(conn: &mut PgConnection, contract: &Contract) -> QueryResult<bool> {
    Ok(is_empty(conn, contract)? && is_held_nowhere(conn, &contract.name)?)
}

pub(super) fn natural_key(contract: &Contract) -> Vec<&str> {
    contract
        .key
        .iter()
        .map(|column| contract.columns[*column].id.as_str())
        .collect()
}

#[derive(QueryableByName)]
struct Written {
    #[diesel(sql_type = Array<Text>)]
    natural_key: Vec<String>,
    #[diesel(sql_type = Nullable<Text>)]
    mode: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    effective: Option<String>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    sequence: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<Text>)]
    roles: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    new_column: Option<String>,
    #[diesel(sql_type = Bool)]
    loaded_before_records: bool,
}

impl Written {
    /// What the table was loaded under; `None` if it never was. Facts that came before the first
    /// file of their dimension leave it so: they say how its keys are made, and no more.
    fn said(&self, contract: &Contract) -> Option<Record> {
        let usual = || Record::before_records(contract);
        self.record()
            .or_else(|| self.loaded_before_records.then(usual))
    }

    /// `None` where only the keys are written down.
    fn record(&self) -> Option<Record> {
        let roles: Option<BTreeMap<String, String>> = self
            .roles
            .as_ref()
            .and_then(|roles| serde_json::from_str(roles).ok());
        Some(Record {
            mode: self.mode.clone()?,
            effective: self.effective.clone()?,
            sequence: self.sequence.clone().unwrap_or_default(),
            roles: roles.unwrap_or_default(),
            new_column: self.new_column.clone(),
        })
    }
}

fn written(conn: &mut PgConnection, contract: &Contract) -> QueryResult<Option<Written>> {
    sql_query(include_str!("contract/written.sql"))
        .bind::<Text, _>(contract.name.as_str())
        .prepared()
        .get_result(conn)
        .optional()
}

fn write(conn: &mut PgConnection, table: &TableName, record: &Record) -> QueryResult<()> {
    sql_query(include_str!("contract/write.sql"))
        .bind::<Text, _>(table.as_str())
        .bind::<Text, _>(&record.mode)
        .bind::<Text, _>(&record.effective)
        .bind::<Array<Text>, _>(&record.sequence)
        .bind::<Text, _>(as_json(&record.roles)?)
        .bind::<Nullable<Text>, _>(record.new_column.as_deref())
        .prepared()
        .run(conn)
}

fn note_change(
    conn: &mut PgConnection,
    table: &TableName,
    before: &Record,
    after: &Record,
) -> QueryResult<()> {
    sql_query(include_str!("contract/note_change.sql"))
        .bind::<Text, _>(table.as_str())
        .bind::<Text, _>(as_json(before)?)
        .bind::<Text, _>(as_json(after)?)
        .execute(conn)
        .map(drop)
}

fn as_json(value: &impl serde::Serialize) -> QueryResult<String> {
    serde_json::to_string(value)
        .map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))
}
