//! What an error means: one type for a load that did not happen, and the one place that decides
//! whether to try again, refuse the file, stop the table, or call it our own fault.

use std::fmt::Write as _;
use std::io;

use diesel::result::{DatabaseErrorKind as Kind, Error as DbError};
use thiserror::Error;

use crate::contract::ContractFault;
use crate::db::connect_fault::{ConnectFault, FaultKind};
use crate::db::{
    is_canceled, is_denied, is_denied_text, is_servers_own, is_told_by_server, may_be_foreign,
    pooler_behind, takes_no_writes, without_value,
};
use crate::merge::MergeError;
use crate::pipeline::InstantFault;
use crate::retire::RetireError;
use crate::stage::{Finding, StageFault};
use crate::watch::FileWriter;

/// Why a file is not loaded, or not removed.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file cannot be opened.
    #[error("The file cannot be opened: {0}.")]
    Open(#[source] io::Error),
    /// Somebody writes it, so it may not be complete.
    #[error("{}", still_open(.0))]
    BeingWritten(FileWriter),
    /// It cannot be staged.
    #[error(transparent)]
    Stage(#[from] StageFault),
    /// It cannot be merged.
    #[error("{}", describe(.0))]
    Merge(#[from] MergeError),
    /// A unique index refuses it, and went on refusing: no other writer was in the way.
    #[error("{}", describe(.0))]
    Rule(MergeError),
    /// It is not known from when on it holds.
    #[error(transparent)]
    Instant(#[from] InstantFault),
    /// The table does not fit `hayloft.toml`, or could not be looked at.
    #[error("{0}")]
    Contracts(#[source] ContractFault),
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectFault),
    /// It is loaded, but the file cannot be removed.
    #[error(transparent)]
    Retire(#[from] RetireError),
    /// A panic, which no file should be able to cause.
    #[error(
        "Hayloft itself failed at it: this is a defect. What it did to the database is undone."
    )]
    Defect,
}

/// What to do about a load that did not happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Waiting can heal it: the same again, after a pause.
    Retry,
    /// Somebody is still writing the file: it goes back where it was.
    GiveBack,
    /// The file is at fault: it is set aside, with a report.
    Refuse,
    /// The file may be right, and what it would do is so much that a person has to say so: it is
    /// set aside, with a report.
    Hold,
    /// The database or the settings are at fault, not the file: it stays claimed, the table
    /// stops, and a person has to act.
    Stop,
}

impl LoadError {
    /// Rows that only the database could refuse, where they are why the file is refused.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Merge(MergeError::Guard { findings, .. }) => findings,
            _ => &[],
        }
    }

    /// What a held file would do to some keys, or in some lines, one a line. Empty where the error is
    /// about none.
    #[must_use]
    pub fn examples(&self) -> Vec<String> {
        match self {
            Self::Merge(MergeError::Closes(breach)) => breach.examples(),
            Self::Merge(MergeError::Changes(breach)) => breach.examples(),
            _ => Vec::new(),
        }
    }

    /// Whether a person has to change a setting, or mend a table, before anything can be loaded.
    #[must_use]
    pub fn is_of_the_settings(&self) -> bool {
        matches!(
            self,
            Self::Merge(
                MergeError::OtherKeyScheme { .. }
                    | MergeError::OtherKeyColumns { .. }
                    | MergeError::KeyRelabelled { .. }
                    | MergeError::OtherContract(_)
                    | MergeError::UnknownRows { .. }
                    | MergeError::BrokenHistory { .. }
                    | MergeError::NoEnd { .. }
            ) | Self::Contracts(ContractFault::Refused(_))
        ) || self.is_denied()
    }

    /// Whether the role may not do something, or a pooler is set in a way that does not do.
    fn is_denied(&self) -> bool {
        match self {
            Self::Merge(MergeError::Database(error))
            | Self::Contracts(ContractFault::Catalog { source: error }) => {
                is_denied(error) || pooler_behind(&error.to_string()).is_some()
            }
            _ => false,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Open(_) => Verdict::Retry,
            Self::BeingWritten(_) => Verdict::GiveBack,
            Self::Stage(fault) => match fault {
                StageFault::Changed => Verdict::GiveBack,
                StageFault::Unreadable(_) | StageFault::Spool(_) => Verdict::Retry,
                StageFault::Contract(_) => Verdict::Stop,
                StageFault::File(_)
                | StageFault::Header(_)
                | StageFault::ContestedKey { .. }
                | StageFault::TooLarge { .. }
                | StageFault::RowTooLarge { .. } => Verdict::Refuse,
            },
            Self::Merge(error) => match error {
                MergeError::Database(error) => judge(error),
                MergeError::Guard { .. }
                | MergeError::RowsRefused { .. }
                | MergeError::RefusedInTurn { .. }
                | MergeError::Swallowed { .. }
                | MergeError::ChangedByTable { .. }
                | MergeError::TableRefuses { .. }
                | MergeError::CannotClose { .. }
                | MergeError::Referenced { .. }
                | MergeError::DefaultMisfit { .. }
                | MergeError::ValueMisfit { .. }
                | MergeError::NotTakenOver(_)
                | MergeError::NotTurned(_) => Verdict::Refuse,
                MergeError::Closes(_) | MergeError::Changes(_) => Verdict::Hold,
                MergeError::TableBusy { .. }
                | MergeError::WrittenMeanwhile { .. }
                | MergeError::Unreadable(_) => Verdict::Retry,
                MergeError::OtherKeyScheme { .. }
                | MergeError::KeyRelabelled { .. }
                | MergeError::OtherKeyColumns { .. }
                | MergeError::OtherContract(_)
                | MergeError::UnknownRows { .. }
                | MergeError::TableChanged { .. }
                | MergeError::Overtaken { .. }
                | MergeError::BrokenHistory { .. }
                | MergeError::NoEnd { .. } => Verdict::Stop,
            },
            Self::Rule(_) => Verdict::Refuse,
            Self::Instant(fault) => match fault {
                InstantFault::Unreadable { .. } => Verdict::Retry,
                InstantFault::Contract(_) => Verdict::Stop,
                _ => Verdict::Refuse,
            },
            Self::Contracts(ContractFault::Catalog { source }) => judge(source),
            Self::Connect(fault) => match fault.kind {
                FaultKind::Retry => Verdict::Retry,
                FaultKind::Refuse => Verdict::Stop,
            },
            Self::Contracts(_) | Self::Retire(_) | Self::Defect => Verdict::Stop,
        }
    }
}

/// Beginnings and parts of messages of the server that say: not now. Diesel keeps no SQLSTATE
/// and no kind for these, so the English text is all there is.
const NOT_NOW: [&str; 14] = [
    "deadlock detected",
    "canceling statement due to",
    "terminating connection",
    "the database system is",
    "server closed the connection",
    "could not receive data",
    "could not send data",
    "connection to server",
    "too many clients",
    "remaining connection slots",
    "in a read-only transaction",
    "in hot standby mode",
    "could not extend file",
    "No space left on device",
];

/// Beginnings of messages of the server about a row that no page or index takes: as many columns
/// as this has, or a key of several long texts. Which row it is, the server does not say.
const TOO_BIG: [&str; 2] = ["row is too big", "index row"];

/// What an error of the database means for the load that met it.
#[must_use]
pub fn judge(error: &DbError) -> Verdict {
    match error {
        DbError::BrokenTransactionManager
        | DbError::DatabaseError(
            Kind::ClosedConnection | Kind::SerializationFailure | Kind::UnableToSendCommand,
            _,
        ) => Verdict::Retry,
        // Whether it was committed, the ledger tells.
        DbError::RollbackErrorOnCommit { commit_error, .. } => judge(commit_error),
        // The client's side failed, and the session is thrown away.
        DbError::DatabaseError(..) if !is_told_by_server(error) => Verdict::Retry,
        DbError::DatabaseError(_, information)
            if NOT_NOW
                .iter()
                .any(|text| information.message().contains(text)) =>
        {
            Verdict::Retry
        }
        // The same, of a server that does not speak English.
        error if is_canceled(error) || takes_no_writes(error) => Verdict::Retry,
        // Two writers met on one key: the locks should have kept them apart, and the second try
        // sees the first one's rows. If it does not, the table has a rule of its own, and whoever
        // tries again gives up in the end.
        DbError::DatabaseError(Kind::UniqueViolation, _) => Verdict::Retry,
        DbError::DatabaseError(_, information)
            if TOO_BIG
                .iter()
                .any(|text| information.message().starts_with(text)) =>
        {
            Verdict::Refuse
        }
        // A constraint or trigger of the user's own, which staging cannot know.
        DbError::DatabaseError(
            Kind::ForeignKeyViolation
            | Kind::NotNullViolation
            | Kind::CheckViolation
            | Kind::ExclusionViolation
            | Kind::RestrictViolation,
            _,
        ) => Verdict::Refuse,
        error if is_denied(error) => Verdict::Stop,
        // Nothing is lost by trying again what may be a deadlock.
        error if may_be_foreign(error) => Verdict::Retry,
        _ => Verdict::Stop,
    }
}

fn still_open(writer: &FileWriter) -> String {
    let mut text = writer.to_string();
    text.replace_range(..1, "P");
    text + " has it open for writing, so it may not be complete."
}

/// An error of the database as people may see it. The server's details hold the values of a row
/// ("Failing row contains …"), so only its message and the names in it are said.
fn describe(error: &MergeError) -> String {
    let MergeError::Database(error) = error else {
        return error.to_string();
    };
    let DbError::DatabaseError(_, information) = error else {
        return error.to_string();
    };
    if !is_told_by_server(error) {
        return "The connection to Postgres was lost.".to_owned();
    }
    let message = without_value(information.message());
    if !is_servers_own(&message) {
        return "Postgres refuses a statement. What it says may hold values of a row, so it is not \
                repeated here: its log has it."
            .to_owned();
    }
    let mut text = format!("Postgres says: {message}.");
    if let (Some(constraint), Some(table)) =
        (information.constraint_name(), information.table_name())
    {
        let _ = write!(text, " The constraint is `{constraint}` of `{table}`.");
    }
    if let Some(advice) = pooler_behind(information.message()) {
        let _ = write!(text, " {advice}");
    }
    if is_denied_text(information.message()) {
        text.push_str(
            " Have the role that owns the tables grant it: grant select, insert, update, delete on all tables \
             in schema hayloft, datawarehouse to the role that loads.",
        );
    }
    text
}
