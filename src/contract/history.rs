//! How the history of a dimension is made of what files say (semantics §1, §5 to §11).

use chrono::TimeDelta;
use chrono_tz::Tz;

/// How a dimension's history is made.
#[derive(Clone, PartialEq, Debug)]
pub struct History {
    /// What a row, and an absent row, means.
    pub mode: Mode,
    /// From when on what a file says holds.
    pub effective: Effective,
    /// The fields that decide between rows of one key at one instant: the highest wins.
    pub sequence: Vec<SequenceField>,
    /// What becomes of a key that is said to be absent.
    pub deletes: Deletes,
    /// What becomes of a row that comes late.
    pub late: Late,
    /// Rows older than this are refused, if there is a limit.
    pub horizon: Option<TimeDelta>,
    /// How far ahead of the clock an instant may lie; beyond it, it is taken for a mistake.
    pub max_future: TimeDelta,
}

/// What a row, and an absent row, means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    /// A row says what its key is like; an absent row says nothing.
    Incremental,
    /// The same, and a key without a row is absent from the file's instant on.
    Snapshot,
    /// A row says what was done to its key: the field of this name tells what.
    Feed {
        /// The field's name.
        op: String,
    },
}

impl Mode {
    /// The word in `hayloft.toml` and in the ledger.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::Snapshot => "snapshot",
            Self::Feed { .. } => "feed",
        }
    }
}

/// From when on what a file says holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Effective {
    /// From the time of the load.
    LoadTime,
    /// From the instant in a field of each row. The field need not be a column of the table.
    Column {
        /// The field's name.
        name: String,
        /// Its strftime pattern; `None` is ISO 8601.
        format: Option<String>,
        /// The zone of instants that name none.
        zone: Tz,
    },
    /// From the instant in the file's name.
    FileName {
        /// The strftime pattern of the part of the name that is an instant.
        pattern: String,
        /// The zone of instants that name none.
        zone: Tz,
    },
    /// From the instant in the file beside it, whose name has `.effective` at its end.
    Sidecar {
        /// The zone of an instant that names none.
        zone: Tz,
    },
}

/// A field that decides between rows of one key at one instant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SequenceField {
    /// The field's name. It need not be a column of the table.
    pub name: String,
}

/// What becomes of a key that is said to be absent (semantics §10.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deletes {
    /// Nothing.
    Ignore,
    /// Its version ends.
    Close,
}

/// What becomes of a row whose instant lies before one that its key has already (semantics §11.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Late {
    /// It takes its place in history.
    Fix,
    /// It is a reject.
    Reject,
}

/// What a change in a column means (semantics §9).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Role {
    /// The first value stays.
    Type0,
    /// The latest value stands in all versions.
    Type1,
    /// A new value opens a version.
    #[default]
    Type2,
}
