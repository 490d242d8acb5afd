//! The words of the ledger: what its columns may hold, as enums, read and written here alone.
//!
//! A word that is not known here is an error and never a guess: the ledger decides whether a file is
//! removed and what history is made of, and a newer Hayloft may mean something else by it.

use std::fmt::Debug;

use diesel::deserialize::{self, FromSql, Queryable};
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::Text;
use serde::Serialize;
use thiserror::Error;

use crate::contract::Mode;
use crate::stage::digest::Form;
use crate::stage::reject::{RejectKind, Severity};
use crate::summary::Status;

/// A type whose values each have one word in a column of the ledger.
pub trait Word: Copy + Eq + Debug + 'static {
    /// The column, as `hayloft.load.status`.
    const COLUMN: &'static str;
    /// All values.
    const ALL: &'static [Self];

    /// The word.
    fn word(self) -> &'static str;

    /// The value that a word stands for.
    fn read(word: &str) -> Result<Self, UnknownWord> {
        let known = Self::ALL.iter().copied().find(|it| it.word() == word);
        known.ok_or_else(|| UnknownWord {
            column: Self::COLUMN,
            word: word.escape_default().to_string(),
        })
    }
}

/// The ledger has a word that this program does not know.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error(
    "`{column}` of the ledger is \"{word}\" in some row, and this Hayloft does not know that word. A \
     newer Hayloft probably wrote it: use that one."
)]
pub struct UnknownWord {
    column: &'static str,
    word: String,
}

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A file was loaded.
    Load,
    /// An earlier load was taken back.
    Undo,
    /// An earlier load was put in again.
    Redo,
    /// Rows that no load had brought became those of a load.
    Takeover,
    /// What a column held when it was first seen became a statement of its own.
    Baseline,
}

/// What a row of a load, and an absent row, meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadMode {
    /// An absent row says nothing.
    Incremental,
    /// A key without a row is absent.
    Snapshot,
    /// A row says what was done to its key.
    Feed,
}

/// What a load says of keys that it does not name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Absence {
    /// Nothing.
    Ignored,
    /// They are absent from its instant on.
    Closes,
}

/// From when on the rows of a load hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Instants {
    /// All from one instant.
    Shared,
    /// Each from its own.
    Own,
}

/// Where the file of a failed load is set aside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetAside {
    /// With those that have to be mended.
    Failed,
    /// With those that a person has to let in.
    Held,
}

/// Whether a row with an instant of its own says that its key is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// It is, with values.
    Present,
    /// It is not.
    Absent,
}

/// Which keys a part of a manifest has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ManifestKind {
    /// Those of rows that were used.
    Read,
    /// Those of rejected rows.
    Unread,
}

/// What became of a reject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RejectStatus {
    /// Nobody has corrected it yet.
    Open,
    /// Its corrected row was loaded.
    Replayed,
    /// A person has decided that it does not matter.
    Dismissed,
}

impl From<&Mode> for LoadMode {
    fn from(mode: &Mode) -> Self {
        match mode {
            Mode::Incremental => Self::Incremental,
            Mode::Snapshot => Self::Snapshot,
            Mode::Feed { .. } => Self::Feed,
        }
    }
}

/// Gives each value its word, and has Diesel read it.
macro_rules! words {
    ($type:ty, $column:literal, $($value:ident = $word:literal),+ $(,)?) => {
        impl Word for $type {
            const COLUMN: &'static str = $column;
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word),+
                }
            }
        }

        impl FromSql<Text, Pg> for $type {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                let word = std::str::from_utf8(value.as_bytes())?;
                Ok(Self::read(word)?)
            }
        }

        impl Queryable<Text, Pg> for $type {
            type Row = Self;

            fn build(row: Self) -> deserialize::Result<Self> {
                Ok(row)
            }
        }
    };
}

words!(
    Status,
    "hayloft.load.status",
    Loading = "loading",
    Loaded = "loaded",
    Skipped = "skipped",
    Failed = "failed",
    Undone = "undone",
);
words!(
    Action,
    "hayloft.load.action",
    Load = "load",
    Undo = "undo",
    Redo = "redo",
    Takeover = "takeover",
    Baseline = "baseline",
);
words!(
    LoadMode,
    "hayloft.load.mode",
    Incremental = "incremental",
    Snapshot = "snapshot",
    Feed = "feed",
);
words!(
    Absence,
    "hayloft.load.absence",
    Ignored = "ignored",
    Closes = "closes"
);
words!(
    Instants,
    "hayloft.load.instants",
    Shared = "shared",
    Own = "own"
);
words!(
    SetAside,
    "hayloft.load.set_aside",
    Failed = "failed",
    Held = "held"
);
words!(
    Presence,
    "hayloft.observation.presence",
    Present = "present",
    Absent = "absent"
);
words!(
    ManifestKind,
    "hayloft.manifest.kind",
    Read = "read",
    Unread = "unread"
);
words!(
    Form,
    "hayloft.load.digested_as",
    Text = "text",
    Padded = "padded",
    Whole = "whole",
    Decimal = "decimal",
    Real = "real",
    Double = "double",
    Bool = "bool",
    Date = "date",
    Timestamp = "timestamp",
    Instant = "instant",
    Uuid = "uuid",
    Document = "document",
    Printed = "printed",
);
words!(
    RejectStatus,
    "hayloft.reject.status",
    Open = "open",
    Replayed = "replayed",
    Dismissed = "dismissed",
);
words!(
    Severity,
    "hayloft.reject.severity",
    Error = "error",
    Warning = "warning"
);
words!(
    RejectKind,
    "hayloft.reject.kind",
    UnparsableLine = "unparsable_line",
    BlankLine = "blank_line",
    RepeatedHeader = "repeated_header",
    TooFewFields = "too_few_fields",
    TooManyFields = "too_many_fields",
    TooLong = "too_long",
    BadEncoding = "bad_encoding",
    BadType = "bad_type",
    Overflow = "overflow",
    NonexistentTime = "nonexistent_time",
    BadOp = "bad_op",
    BadInstant = "bad_instant",
    NullKey = "null_key",
    NotNull = "not_null",
    UnresolvedReference = "unresolved_reference",
    CheckFailed = "check_failed",
    ContestedKey = "contested_key",
    Late = "late",
    FutureInstant = "future_instant",
    TooLate = "too_late",
    StaleSequence = "stale_sequence",
    ConflictingDuplicate = "conflicting_duplicate",
    AmbiguousTime = "ambiguous_time",
    SwallowedRows = "swallowed_rows",
    OtherQuotes = "other_quotes",
    OtherEncoding = "other_encoding",
);
