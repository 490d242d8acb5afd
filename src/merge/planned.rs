//! STUB, to be replaced whole: the types of plans and turns as they are agreed, and bodies that do
//! nothing. Nothing here works.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::PgConnection;
use uuid::Uuid;

use super::ledger::Entry;
use super::{MergeError, Terms};
use crate::contract::{Contract, Contracts};
use crate::stage::Staged;
use crate::stage::key::KeyScheme;

/// A snapshot would close more keys than the contract allows.
#[derive(Clone, PartialEq, Debug)]
pub struct CloseBreach {
    /// Keys that it would close.
    pub would_close: u64,
    /// Keys that are open.
    pub open: u64,
    /// Rows of the file that can be used.
    pub rows: u64,
    /// Which limit.
    pub limit: CloseLimit,
    /// Some of the keys.
    pub sample: Vec<Uuid>,
}

/// The limit that a snapshot breaks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum CloseLimit {
    /// `max_close_fraction`.
    MaxCloseFraction(f64),
    /// `max_close_rows`.
    MaxCloseRows(u64),
    /// `min_rows`.
    MinRows(u64),
    /// A file without rows closes nothing.
    NoRows,
}

impl fmt::Display for CloseBreach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            would_close,
            open,
            rows,
            ..
        } = self;
        write!(
            f,
            "It would close {would_close} of {open} open keys, with {rows} rows, "
        )?;
        match self.limit {
            CloseLimit::MaxCloseFraction(limit) => {
                write!(f, "more than max_close_fraction = {limit} allows.")
            }
            CloseLimit::MaxCloseRows(limit) => {
                write!(f, "more than max_close_rows = {limit} allows.")
            }
            CloseLimit::MinRows(limit) => write!(f, "fewer than min_rows = {limit} asks for."),
            CloseLimit::NoRows => f.write_str("and a file without rows closes nothing."),
        }
    }
}

/// What a load would do.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// With the counts that the load would have.
    pub entry: Entry,
    /// Some keys of each action, before and after.
    pub samples: Vec<Sample>,
    /// Columns that the table would get.
    pub added_columns: Vec<String>,
    /// The guard that would hold the file, if one would.
    pub closes: Option<CloseBreach>,
    /// By which path: a fragment of a sentence.
    pub path: String,
}

/// One key, before and after.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// The name of a field of [`crate::summary::Changes`].
    pub action: String,
    /// The durable key.
    pub key: Uuid,
    /// Its versions now.
    pub before: Vec<Version>,
    /// Its versions after the load.
    pub after: Vec<Version>,
}

/// One version of a key.
#[derive(Clone, PartialEq, Debug)]
pub struct Version {
    /// From when on it holds.
    pub starts: DateTime<Utc>,
    /// Until when, if it has ended.
    pub ends: Option<DateTime<Utc>>,
    /// The columns, each with its value as Postgres prints it.
    pub values: Vec<(String, Option<String>)>,
    /// The load that it is from.
    pub load_id: i64,
    /// The line of its file.
    pub line: i64,
}

/// Which way a load is turned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// It is taken back.
    Undo,
    /// It is put in again.
    Redo,
}

fn stub<T>() -> Result<T, MergeError> {
    Err(MergeError::NotUndoable("This is a stub.".to_owned()))
}

/// STUB.
pub fn plan(
    _conn: &mut PgConnection,
    _contracts: &Contracts,
    _contract: &Contract,
    _keys: &KeyScheme,
    _staged: &mut Staged,
    _terms: &Terms,
    _samples_per_action: usize,
) -> Result<Plan, MergeError> {
    stub()
}

/// STUB.
pub fn plan_turn(
    _conn: &mut PgConnection,
    _contracts: &Contracts,
    _contract: &Contract,
    _keys: &KeyScheme,
    _load_id: i64,
    _turn: Turn,
    _samples_per_action: usize,
) -> Result<Plan, MergeError> {
    stub()
}

/// STUB.
pub fn turn(
    _conn: &mut PgConnection,
    _contracts: &Contracts,
    _contract: &Contract,
    _keys: &KeyScheme,
    _load_id: i64,
    _turn: Turn,
) -> Result<Entry, MergeError> {
    stub()
}
