//! What can be wrong with a file or with a record of it, in sentences.
//!
//! A [`FileFault`] stops the file; a [`RecordFault`] costs one record. Neither ever holds a value:
//! both go to logs.

use std::fmt;
use std::io;

use thiserror::Error;

use super::header::DialectHint;
use super::scan::{LineEnd, Misquoted};
use super::sniff::{Encoding, Format};
use crate::stage::reject::RejectKind;

/// Why a file cannot be read as CSV at all. The sentence leaves out the file's name, which the
/// caller knows.
#[derive(Error, Debug)]
pub enum FileFault {
    /// The source failed. The only fault that may be gone at the next try.
    #[error("The file could not be read: {0}.")]
    Io(#[from] io::Error),
    /// No byte at all.
    #[error("The file is empty. Send it again with a header line, even if it has no rows.")]
    Empty,
    /// No line with text.
    #[error(
        "The file has no header: all its lines are blank. Send it again with the column names on \
         line 1."
    )]
    NoHeader,
    /// Another format.
    #[error("The file is not CSV: it looks like {0}. Send it as CSV, in UTF-8.")]
    NotCsv(Format),
    /// Text, but not in UTF-8.
    #[error("The file is in {0}, and only UTF-8 is read. Save it as UTF-8 and send it again.")]
    NotUtf8(Encoding),
    /// Disk space that was reserved and never written.
    #[error(
        "The file begins with nothing but NUL bytes, as when its writing was cut short. Send it \
         again."
    )]
    OnlyNul,
    /// The header's quotes.
    #[error(
        "The header is misquoted on line {line}, in column {column}: {what}.{} Correct the header \
         and send the file again.",
        spaced(*.hint)
    )]
    HeaderMisquoted {
        /// The physical line of the misplaced quote.
        line: u64,
        /// The column, counted from 1.
        column: usize,
        /// What is wrong.
        what: Misquoting,
        /// What the file may have been meant to be.
        hint: Option<DialectHint>,
    },
    /// Bytes in the header that are not UTF-8.
    #[error(
        "The header on line {line} is not valid UTF-8 at byte {offset} of the file, in column \
         {column}. Save the file as UTF-8 and send it again."
    )]
    HeaderNotUtf8 {
        /// The header's line.
        line: u64,
        /// The byte of the file, counted from 0.
        offset: u64,
        /// The column, counted from 1.
        column: usize,
    },
    /// A NUL in the header.
    #[error(
        "The header on line {line} has a NUL byte in column {column}. Save the file as UTF-8 and \
         send it again."
    )]
    HeaderNul {
        /// The header's line.
        line: u64,
        /// The column, counted from 1.
        column: usize,
    },
    /// More columns than a table can have.
    #[error(
        "The header on line {line} has {count} columns, and {limit} is the most that are read \
         (limits.columns). Remove columns and send the file again."
    )]
    TooManyColumns {
        /// The header's line.
        line: u64,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A header that does not end.
    #[error(
        "The header on line {line} is longer than {limit} bytes (limits.record_bytes). Check whether \
         the file is CSV at all, and send it again with column names on its first line."
    )]
    HeaderTooLong {
        /// The header's line.
        line: u64,
        /// How long it may be.
        limit: usize,
    },
    /// A quote that takes in the rest of the file.
    #[error(
        "The quote that opens a field on line {line} is never closed, so nothing from there on can \
         be trusted. Close it, or double it if it is part of the value, and send the file again. \
         If the file was cut short, send it whole."
    )]
    QuoteNeverClosed {
        /// The physical line on which the quote opens.
        line: u64,
    },
    /// A stretch of line ends that cannot be looked beyond.
    #[error(
        "More than {limit} bytes of blank lines begin at line {line}. Remove them and send the \
         file again."
    )]
    TooManyBlankLines {
        /// The first of them.
        line: u64,
        /// How many bytes there may be.
        limit: usize,
    },
    /// Scanner and csv crate ended a record in different places: an error of Hayloft.
    #[error(
        "The row on line {line} was read in two different ways, which is a fault of Hayloft and \
         not of the file. Nothing was loaded; please report it."
    )]
    Disagreement {
        /// The row's line.
        line: u64,
    },
}

/// What RFC 4180 does not allow a quote to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misquoting {
    /// `x"y`, and `a, "b"`.
    QuoteInsideField,
    /// `"x"y`, and `"x\"y"`.
    TextAfterQuote,
}

impl fmt::Display for Misquoting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QuoteInsideField => {
                "a quote stands inside a field that does not begin with one (put the whole field \
                 in quotes and double the quote, or remove the space before it)"
            }
            Self::TextAfterQuote => {
                "text follows the quote that closes the field (a quote that is part of the value \
                 must be doubled)"
            }
        })
    }
}

/// Why a record cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordFault {
    /// The machine's word for it.
    pub kind: RejectKind,
    /// The sentence for people.
    pub message: String,
    /// The column at fault, counted from 1, if it is one.
    pub column: Option<usize>,
}

impl RecordFault {
    pub(super) fn blank_line() -> Self {
        Self::of_row(
            RejectKind::BlankLine,
            "The line is blank, and rows follow it. Remove it.".to_owned(),
        )
    }

    pub(super) fn repeated_header() -> Self {
        Self::of_row(
            RejectKind::RepeatedHeader,
            "The row is the header again, as when files are joined. Remove it.".to_owned(),
        )
    }

    pub(super) fn misquoted(misquoted: &Misquoted, column: usize) -> Self {
        let Misquoted {
            what, line, opened, ..
        } = misquoted;
        let told = match opened {
            Some(opened) if opened != line => format!(
                "The row is misquoted on line {opened}, in column {column}: a quote opens there, and \
                 on line {line} {what}."
            ),
            _ => format!("The row is misquoted on line {line}, in column {column}: {what}."),
        };
        Self::of_column(RejectKind::UnparsableLine, column, told)
    }

    /// A line that looks like a row, and that a quote takes in which opens before it.
    pub(super) fn swallowed_line(line: u64) -> Self {
        Self::of_row(
            RejectKind::UnparsableLine,
            format!(
                "A misplaced quote in the row that begins on line {line} takes in this line, so it \
                 was not read. Mend that row first."
            ),
        )
    }

    pub(super) fn too_few_fields(count: usize, wanted: usize, line_end: LineEnd) -> Self {
        let hint = match line_end {
            LineEnd::Present => "",
            LineEnd::Missing => " The file ends in this row: it may have been cut short.",
        };
        Self::of_row(
            RejectKind::TooFewFields,
            format!(
                "The row has {}, and the header has {wanted}.{hint}",
                fields(count)
            ),
        )
    }

    pub(super) fn comma_at_the_end(count: usize, wanted: usize) -> Self {
        Self::of_row(
            RejectKind::TooManyFields,
            format!(
                "The row has {}, and the header has {wanted}: it ends in a comma, behind which there \
                 is nothing. Remove that comma.",
                fields(count)
            ),
        )
    }

    pub(super) fn too_many_fields(count: usize, wanted: usize) -> Self {
        Self::of_row(
            RejectKind::TooManyFields,
            format!(
                "The row has {}, and the header has {wanted}. A value that contains a comma must \
                 be quoted.",
                fields(count)
            ),
        )
    }

    pub(super) fn record_too_long(length: u64, limit: usize) -> Self {
        Self::of_row(
            RejectKind::TooLong,
            format!(
                "The row is {length} bytes long, and {limit} is the most that are read \
                 (limits.record_bytes)."
            ),
        )
    }

    pub(super) fn field_too_long(column: usize, limit: usize) -> Self {
        Self::of_column(
            RejectKind::TooLong,
            column,
            format!(
                "The value in column {column} is longer than {limit} bytes, the most that are read \
                 (limits.field_bytes)."
            ),
        )
    }

    /// Not a fault, but odd.
    pub(super) fn swallowed_rows((first, last): (u64, u64), rows: usize, column: usize) -> Self {
        Self::of_column(
            RejectKind::SwallowedRows,
            column,
            format!(
                "The value that begins in column {column} takes up lines {first} to {last}, and {rows} \
                 of these have as many fields as the header. It was loaded as one value: was a quote \
                 lost, or one too many?"
            ),
        )
    }

    pub(super) fn nul(column: usize) -> Self {
        Self::of_column(
            RejectKind::BadEncoding,
            column,
            format!(
                "The value in column {column} contains a NUL byte, which Postgres cannot hold."
            ),
        )
    }

    pub(super) fn byte_order_mark() -> Self {
        Self::of_column(
            RejectKind::BadEncoding,
            1,
            "The row begins with a byte order mark, as when files are joined. Remove the mark."
                .to_owned(),
        )
    }

    fn of_row(kind: RejectKind, message: String) -> Self {
        Self {
            kind,
            message,
            column: None,
        }
    }

    fn of_column(kind: RejectKind, column: usize, message: String) -> Self {
        Self {
            kind,
            message,
            column: Some(column),
        }
    }
}

fn fields(count: usize) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} field{plural}")
}

fn spaced(hint: Option<DialectHint>) -> String {
    hint.map(|hint| format!(" {hint}")).unwrap_or_default()
}
