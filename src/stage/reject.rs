//! A row that could not be used: where it stands, and why, in a sentence.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ledger::words::Word;

/// One finding about one row. A row may have several; it counts once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reject {
    /// Where the row stands.
    pub place: Place,
    /// The column, when one column is at fault.
    pub column: Option<RejectColumn>,
    /// The machine's word for what is wrong.
    pub kind: RejectKind,
    /// The sentence for people. It never holds a value of the row: a value belongs in the
    /// rejects store, and this sentence also goes to logs.
    pub message: String,
}

impl Reject {
    /// A finding about a row as a whole.
    #[must_use]
    pub fn of_row(place: Place, kind: RejectKind, message: impl Into<String>) -> Self {
        Self {
            place,
            column: None,
            kind,
            message: message.into(),
        }
    }
}

/// Where a row stands in its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The physical line on which the row begins; the header is usually line 1.
    pub line: u64,
    /// The byte of the file at which the row begins, counted from 0.
    pub offset: u64,
    /// The row's length in bytes, without its line end.
    pub length: u64,
}

/// A column of the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RejectColumn {
    /// Where it is in the file, counted from 1 as a spreadsheet would.
    pub number: usize,
    /// Its name in the table.
    pub name: String,
}

/// What is wrong with a row (the names of semantics §15.2, and what strict CSV adds).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum RejectKind {
    /// Quoting that RFC 4180 does not know.
    UnparsableLine,
    /// An empty line between rows.
    BlankLine,
    /// The header again.
    RepeatedHeader,
    /// Fewer fields than the header has.
    TooFewFields,
    /// More fields than the header has.
    TooManyFields,
    /// A row or a field over the limit.
    TooLong,
    /// Not UTF-8, or a NUL byte.
    BadEncoding,
    /// Not a value of the column's type, or not in its format.
    BadType,
    /// A value that the column cannot hold.
    Overflow,
    /// A local time that the zone skips.
    NonexistentTime,
    /// Not one of the words that say what was done.
    BadOp,
    /// No instant, or none that can be read.
    BadInstant,
    /// A key with an empty part.
    NullKey,
    /// No value in a column that must have one.
    NotNull,
    /// A fact whose member is unknown, in a table that does not hold such facts.
    UnresolvedReference,
    /// A row that a constraint or a trigger of the table refuses.
    CheckFailed,
    /// One of several rows of its file that share a key but differ, where the contract uses none.
    ContestedKey,
    /// A row older than what the table already knows of its key.
    Late,
    /// A row that holds from a time too far ahead.
    FutureInstant,
    /// A row that holds from a time too long ago.
    TooLate,
    /// A row with a lower sequence than one that was loaded.
    StaleSequence,
    /// Lost against another row of the file with the same key (a warning).
    ConflictingDuplicate,
    /// A local time that the zone has twice; the earlier was taken (a warning).
    AmbiguousTime,
    /// A value that takes up several lines, which look like rows (a warning).
    SwallowedRows,
    /// A column whose values are in apostrophes (a warning, at its first row).
    OtherQuotes,
    /// A column whose text was encoded otherwise before it was UTF-8 (a warning, at its first row).
    OtherEncoding,
}

/// Whether a finding costs the row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The row is not loaded and counts towards the guards.
    Error,
    /// Worth knowing; counts towards nothing.
    Warning,
}

impl RejectKind {
    /// The word in the ledger and in JSON.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.word()
    }

    /// Whether the finding costs the row.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::ConflictingDuplicate
            | Self::AmbiguousTime
            | Self::SwallowedRows
            | Self::OtherQuotes
            | Self::OtherEncoding => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

impl Severity {
    /// The word in the ledger.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.word()
    }
}

impl fmt::Display for RejectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
