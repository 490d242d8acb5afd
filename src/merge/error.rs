//! Why a load did not happen.

use std::io;

use thiserror::Error;

use super::guard::{ChangeBreach, CloseBreach, GuardBreach};
use super::ledger::contract::Changed;
use super::offenders::Offenders;
use crate::contract::TableName;
use crate::db::DatabaseCause;
use crate::db::attempt::RuleBreach;
use crate::db::copy::CopyError;
use crate::stage::Finding;

/// Why a load did not happen. Whatever it is, nothing of the load is in the database.
#[derive(Debug, Error)]
pub enum MergeError {
    /// The server, or the way to it.
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
    /// Another load of the table, or of one that it has to do with, is not done yet.
    #[error("Another load of `{table}` is running.")]
    TableBusy {
        /// The table.
        table: TableName,
    },
    /// More rejects than the contract allows.
    #[error("{breach}")]
    Guard {
        /// Which limit.
        breach: GuardBreach,
        /// The rejects among them that staging does not know of.
        findings: Vec<Finding>,
    },
    /// Rows of the file break rules of the table. Without them it can be loaded.
    #[error("`{table}` refuses {} row(s) of the file.", .offenders.count())]
    RowsRefused {
        /// The table.
        table: TableName,
        /// The rows, and what refuses each.
        offenders: Offenders,
    },
    /// A rule of the table refuses what an undo or a redo would make of it.
    #[error(
        "`{table}` does not take what would be in it: {} Change that rule, or load a file that \
         corrects what the load said.",
        .breach.sentence()
    )]
    TableRefuses {
        /// The table.
        table: TableName,
        /// Which rule.
        breach: Box<RuleBreach>,
    },
    /// The server wrote another number of rows than it was sent.
    #[error("{}", swallowed(.table, *.sent, *.written, .triggers))]
    Swallowed {
        /// The table.
        table: TableName,
        /// Rows that were sent.
        sent: u64,
        /// Rows that were written.
        written: u64,
        /// The triggers and rules of the table, as a list.
        triggers: String,
    },
    /// A trigger or a rule wrote other values than those of the file.
    #[error(
        "`{table}` has other values than were written to it, of {changed} row(s). {}",
        culprit(.triggers)
    )]
    ChangedByTable {
        /// The table.
        table: TableName,
        /// How many rows.
        changed: u64,
        /// The triggers and rules of the table, as a list.
        triggers: String,
    },
    /// One row after the other turned out to be refused.
    #[error(
        "`{table}` refuses many rows of one key, one in the place of the other. Remove those that \
         break its rules, and load the file again."
    )]
    RefusedInTurn {
        /// The table.
        table: TableName,
    },
    /// A rule of the table refuses that a version ends.
    #[error(
        "`{table}` does not let a version of a key end: {} The versions of a dimension have to \
         end when newer ones begin. Change that rule of the table; the file is not at fault.",
        .breach.sentence()
    )]
    CannotClose {
        /// The table.
        table: TableName,
        /// Which rule.
        breach: Box<RuleBreach>,
    },
    /// A snapshot would close more keys than the contract allows.
    #[error("{0}")]
    Closes(Box<CloseBreach>),
    /// A file would change more keys, or facts, than the contract allows.
    #[error("{0}")]
    Changes(Box<ChangeBreach>),
    /// A snapshot that was held, and then overtaken.
    #[error(
        "It was held as load {held}, and load {newer} has brought newer news of `{table}` since, \
         which it would write over. Remove it; if keys are to be closed still, drop a snapshot of \
         today."
    )]
    Overtaken {
        /// The table.
        table: TableName,
        /// The load that was held.
        held: i64,
        /// The latest load since.
        newer: i64,
    },
    /// A load cannot be undone, or redone.
    #[error("{0}")]
    NotTurned(String),
    /// Facts refer to members that an undo would take away.
    #[error(
        "{facts} row(s) of `{table}` refer to {members} member(s) that would be gone. Undo the loads \
         of these facts first."
    )]
    Referenced {
        /// The fact table.
        table: TableName,
        /// How many facts.
        facts: u64,
        /// How many members.
        members: u64,
    },
    /// The table's keys were made in another way; loading would give every member a second key.
    #[error(
        "The keys in `{table}` were made with another HAYLOFT_KEY_SECRET, or without one. Set the \
         secret that it was loaded with."
    )]
    OtherKeyScheme {
        /// The table.
        table: TableName,
    },
    /// The contract names other key columns than those the table was loaded with.
    #[error(
        "`{table}` was loaded with another natural key than hayloft.toml names now. A key cannot \
         be changed under a table that has rows."
    )]
    OtherKeyColumns {
        /// The table.
        table: TableName,
    },
    /// Labels of the natural key have other names.
    #[error(
        "Labels of `{column}`, which is part of the natural key, have other names now, and keys are made of \
         the names. Give these labels the names that they had."
    )]
    KeyRelabelled {
        /// The column.
        column: String,
    },
    /// The contract gives what is loaded another meaning than the table was loaded with.
    #[error("{0}")]
    OtherContract(Changed),
    /// The contracts were read before somebody changed a table.
    #[error(
        "`{table}` was changed while this was under way: a column, a type, a default, a trigger or \
         row security. Nothing was loaded: try again."
    )]
    TableChanged {
        /// The table.
        table: TableName,
    },
    /// A migration gave a column a type that does not take the default with which a load began keys.
    #[error(
        "Column `{column}` of `{table}` is {type_sql} since a migration changed it, and the default that \
         it had at load {load} is none that it takes as it is. What is asked for needs that default: keys \
         begin with it. Give the column a type that takes it."
    )]
    DefaultMisfit {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// The type that it has now.
        type_sql: String,
        /// The load that kept the default.
        load: i64,
    },
    /// A migration gave a column a type that does not take what a load said.
    #[error(
        "Column `{column}` of `{table}` is {type_sql} since a migration changed it, and the value \
         that load {load} had for it in line {line} is none that it takes as it is. What is asked \
         for needs that value. Give the column a type that takes it, or mend the load: undo load \
         {load} before the type is changed, and load its mended file."
    )]
    ValueMisfit {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// The type that it has now.
        type_sql: String,
        /// The load that said the value.
        load: i64,
        /// The line of its file.
        line: i64,
    },
    /// The table has rows that no load brought, and whoever builds on them would vouch for them.
    #[error(
        "`{table}` has rows that no load brought: they were written by hand, or by another program. \
         Nothing was loaded. `hayloft takeover {table}` shows what they are, and makes them a load of \
         their own, upon which others can build."
    )]
    UnknownRows {
        /// The table.
        table: TableName,
    },
    /// Rows cannot be taken over.
    #[error("{0}")]
    NotTakenOver(String),
    /// What was read of the table is so no more.
    #[error("Somebody else wrote to `{table}` while this was under way. Nothing was changed.")]
    WrittenMeanwhile {
        /// The table.
        table: TableName,
    },
    /// The check of the touched keys failed. This is a defect, or somebody else writes the table.
    #[error(
        "{keys} key(s) of `{table}` would have versions that do not fit together: the table was changed \
         by hand, or by another program. Nothing was changed. `hayloft check {table}` shows what is wrong \
         with it; of rows that were written by hand, `hayloft takeover {table}` makes a load of their own, \
         and numbers the versions anew."
    )]
    BrokenHistory {
        /// The table.
        table: TableName,
        /// How many keys.
        keys: u64,
    },
    /// A load of the ledger that never ended, which cannot be.
    #[error(
        "Load {load_id} in the ledger has no end, so it is not known what became of its file. \
         `hayloft check` says what is wrong with its table. Nothing was done: `hayloft.load` has to be \
         put right by hand."
    )]
    NoEnd {
        /// The load.
        load_id: i64,
    },
    /// A rejected row could not be read again.
    #[error("The file cannot be read: {0}.")]
    Unreadable(#[source] io::Error),
}

impl MergeError {
    /// The outcome of a check that so many keys of a table did not pass. The indexes refuse two
    /// current versions and overlapping closed ones; what they cannot see is asked of the touched
    /// keys, before anything is committed.
    pub(super) fn unless_unbroken(table: &TableName, keys: u64) -> Result<(), Self> {
        match keys {
            0 => Ok(()),
            keys => Err(Self::BrokenHistory {
                table: table.clone(),
                keys,
            }),
        }
    }

    /// Whether a unique index refused a row.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(
            self,
            Self::Database(diesel::result::Error::DatabaseError(
                diesel::result::DatabaseErrorKind::UniqueViolation,
                _
            ))
        )
    }
}

impl DatabaseCause for MergeError {
    fn database_cause(&self) -> Option<&diesel::result::Error> {
        match self {
            Self::Database(error) => Some(error),
            _ => None,
        }
    }
}

fn swallowed(table: &TableName, sent: u64, written: u64, triggers: &str) -> String {
    format!(
        "`{table}` was sent {sent} row(s) and took {written}. {}",
        culprit(triggers)
    )
}

fn culprit(triggers: &str) -> String {
    if triggers.is_empty() {
        return "Was it written to by hand at the same time?".to_owned();
    }
    format!(
        "It has these triggers or rules: {triggers}. One of them makes something else of rows. A table \
         that Hayloft loads has to keep them as they are written."
    )
}

impl From<GuardBreach> for MergeError {
    fn from(breach: GuardBreach) -> Self {
        Self::Guard {
            breach,
            findings: Vec::new(),
        }
    }
}

impl From<CopyError> for MergeError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Database(error) => Self::Database(error),
            CopyError::Rows(error) => Self::Unreadable(error),
        }
    }
}
