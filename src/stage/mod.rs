//! Arrival + Contract → Staged.
//!
//! In: an open file and what its table promises. Out: rows that the table can take, keyed and
//! encoded, one for each key (or, where rows have instants of their own, for each key and instant);
//! and every row that could not be used, with its place and reason.
//! A bad row is a value here ([`Finding`]); `Err` is for what stops the whole file. This room
//! never speaks to Postgres.
//!
//! Nothing waits for a database here, so a large file is staged by two threads. It goes through in
//! batches of some thousand records (`batch.rs`):
//!
//! | step | what | by whom |
//! | --- | --- | --- |
//! | read | bytes, their digest, where records begin and end | the caller: a file has one order |
//! | parse | values, keys | a helper, and the caller while the helper has enough (`share.rs`) |
//! | enter | rows into memory or onto disk, findings, counts | the caller: the order of the file |
//! | sort | by key, once all are in | both, each one half (`rows/gather.rs`) |
//!
//! Parsing is half of the work, and the only part that needs nothing but the record itself; so
//! what is found, in which order, and which fault comes first does not depend on the threads. A
//! small file, of a few batches, is staged by the caller alone.

mod batch;
pub mod csv;
pub mod digest;
mod disguise;
mod findings;
mod header;
mod history;
pub mod key;
mod limits;
pub mod reject;
mod row;
mod rows;
mod share;
mod source;
mod spool;
mod survey;
mod table_rejects;
pub mod value;

use std::io;
use std::mem::take;

use thiserror::Error;
use uuid::Uuid;

pub use findings::{Finding, Findings, Original, Originals};
pub use limits::Limits;
pub use rows::{
    Alternative, Alternatives, Contest, Gathering, Held, InOrder, Loss, Mark, Presence, Print, Row,
    Rows,
};
pub use source::{Delivery, Source, Stamp, digest};
pub use table_rejects::{TableReject, TableRejects};

use crate::contract::{Column, Contract, Duplicates, Kind, Mode};
use crate::stage::batch::{BATCH_BYTES, Batch, Outcome};
use crate::stage::csv::{CsvFile, FileFault};
use crate::stage::key::KeyScheme;
use crate::stage::reject::{Place, Reject, RejectColumn, RejectKind};
use crate::stage::row::{Refused, RowParser};
use crate::stage::rows::Candidates;
use crate::stage::share::share;
use crate::stage::source::Reading;
use crate::stage::survey::Survey;

/// A file that was read to its end and checked.
#[derive(Debug)]
pub struct Staged {
    /// What was delivered: the name, the bytes' digest, the header.
    pub delivery: Delivery,
    /// Positions in [`Contract::columns`] of the columns that the file fills, in their order; then
    /// those of [`Staged::added`].
    pub columns: Vec<usize>,
    /// Where each of these stands in the file, for those who refuse a value later.
    pub fields: Vec<RejectColumn>,
    /// The rows to load: one for each key, or, where rows have instants of their own, one for each
    /// key, instant and sequence.
    pub rows: Rows,
    /// The rows that would be used next of the keys of which the table refused a row.
    pub alternatives: Alternatives,
    /// What a snapshot must know of the rows that were rejected.
    pub unread: Unread,
    /// Columns that the file has and the table is to get, in the order of the file. They stand at
    /// the end of [`Staged::columns`], with the positions after the contract's own.
    pub added: Vec<Column>,
    /// What was found wrong.
    pub findings: Findings,
    /// The way back to a row's original bytes.
    pub originals: Originals,
    /// What became of the rows so far.
    pub tally: Tally,
}

/// The keys of rejected rows: a snapshot does not call them absent (semantics §10.5).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unread {
    /// The keys that could be read, in no order.
    pub keys: Vec<Uuid>,
    /// How many rejected rows have no key that could be read.
    pub without_key: u64,
}

/// What became of the rows of a file: `read = accepted + rejected + duplicates`, where the
/// accepted are the rows in [`Staged::rows`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Data rows in the file.
    pub read: u64,
    /// Rows with at least one finding that costs the row.
    pub rejected: u64,
    /// Rows that lost against another row of the file.
    pub duplicates: u64,
}

/// Why a whole file cannot be staged.
#[derive(Debug, Error)]
pub enum StageFault {
    /// It is not a CSV file that can be read to its end.
    #[error(transparent)]
    File(FileFault),
    /// Its header does not fit the table.
    #[error("{0}")]
    Header(String),
    /// Rows share a key and differ, and the contract refuses such files.
    #[error(
        "Line {line} and line {winner} have the same key and differ, and the contract says \
         duplicates = \"fail_file\". Keep one of them."
    )]
    ContestedKey {
        /// The losing row's line.
        line: u64,
        /// The winning row's line.
        winner: u64,
    },
    /// Larger than the limit.
    #[error("The file has {bytes} bytes, and limits.file_bytes allows {limit}.")]
    TooLarge {
        /// The file's size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A row that cannot be loaded, and is too long to be kept in the rejects.
    #[error(
        "The row on line {line} has {bytes} bytes, and the rejects keep no row of more than \
         {limit}. Was a line end or a quote lost?"
    )]
    RowTooLarge {
        /// The row's line.
        line: u64,
        /// The row's size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Somebody wrote to the file while it was read. Nothing is wrong with it; it is not complete.
    #[error("The file changed while it was read. Load it again when it is complete.")]
    Changed,
    /// A contract's format cannot be compiled. Contracts are checked at the start, so this is ours.
    #[error("{0}")]
    Contract(String),
    /// The file cannot be read.
    #[error("The file cannot be read: {0}.")]
    Unreadable(#[source] io::Error),
    /// The temporary file for rejects cannot be written.
    #[error("The temporary file for rejects cannot be written: {0}.")]
    Spool(#[from] io::Error),
}

impl StageFault {
    /// Bytes that were there and are not any more: somebody cut the file.
    fn of_reading(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Changed,
            _ => Self::Unreadable(error),
        }
    }
}

/// Hears how much of a file has been read.
pub trait Progress {
    /// So many bytes more were read.
    fn advanced(&self, bytes: u64);

    /// All was read, and so many rows are on their way into the database.
    fn all_read(&self, rows: u64) {
        let _ = rows;
    }
}

/// Reads a file to its end: checks every row, makes its key, and keeps one row for each key.
pub fn stage(
    source: Source,
    contract: &Contract,
    keys: &KeyScheme,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Staged, StageFault> {
    stage_without(
        &TableRejects::default(),
        source,
        contract,
        keys,
        limits,
        progress,
    )
}

/// Does the same without the rows that the table is known to refuse: they are rejects like those that
/// are found here.
pub fn stage_without(
    refused: &TableRejects,
    source: Source,
    contract: &Contract,
    keys: &KeyScheme,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Staged, StageFault> {
    stage_in_batches(
        refused,
        source,
        contract,
        keys,
        limits,
        progress,
        BATCH_BYTES,
    )
}

fn stage_in_batches(
    refused: &TableRejects,
    source: Source,
    contract: &Contract,
    keys: &KeyScheme,
    limits: &Limits,
    progress: &dyn Progress,
    batch_bytes: usize,
) -> Result<Staged, StageFault> {
    let mut reading = Reading::start(source, limits, progress)?;
    let originals = reading.originals()?;
    let mut file = CsvFile::open(&mut reading, limits.csv)?;
    let parser = RowParser::new(file.header(), contract, keys)?;
    let header = file.header().text().to_owned();

    let mut book = Book {
        originals,
        findings: Findings::new(),
        tally: Tally::default(),
        refused,
        candidates: Candidates::new(contract),
        fields: parser.fields(),
        unread: is_snapshot(contract).then(Unread::default),
        survey: Survey::of(parser.fields()),
    };
    let mut gathering = Gathering::new(contract, limits.memory_bytes);
    share(
        |batch: &mut Batch| batch.fill(&mut file, batch_bytes),
        |batch| batch.parse(&parser),
        |batch| book.enter(batch, &mut gathering),
    )?;
    drop(file);
    let delivery = reading.finish(header)?;
    let mut rows = gathering.finish()?;
    book.settle_duplicates(&mut rows, contract.duplicates)?;
    let alternatives = book.candidates.finish(&rows)?;
    for warning in book.survey.warnings() {
        let place = warning.place;
        book.warn(vec![warning], place)?;
    }
    Ok(Staged {
        delivery,
        columns: parser.columns(),
        fields: parser.fields(),
        rows,
        alternatives,
        unread: book.unread.unwrap_or_default(),
        added: parser.added(),
        findings: book.findings,
        originals: book.originals,
        tally: book.tally,
    })
}

/// Only a snapshot says anything of the keys that it does not have.
fn is_snapshot(contract: &Contract) -> bool {
    matches!(
        &contract.kind,
        Kind::Dimension { history, .. } if history.mode == Mode::Snapshot
    )
}

/// The longest row that goes into the rejects, in bytes: there it is held in memory, and Postgres
/// keeps it in one field. A file with a longer one is set aside whole, so that nothing is lost.
const LONGEST_REJECT: u64 = 64 << 20;

/// Where what happens to rows is written down.
struct Book<'a> {
    originals: Originals,
    findings: Findings,
    tally: Tally,
    /// Rows that the table refuses.
    refused: &'a TableRejects,
    /// The other rows of their keys.
    candidates: Candidates,
    /// The columns of the file that are loaded.
    fields: Vec<RejectColumn>,
    /// The keys of rejected rows, where they matter.
    unread: Option<Unread>,
    survey: Survey,
}

impl Book<'_> {
    /// Gathers the rows of a batch, and writes down what is wrong with the others.
    fn enter(&mut self, batch: &mut Batch, gathering: &mut Gathering) -> Result<(), StageFault> {
        self.survey.look_at(batch.records());
        for (place, outcome) in batch.outcomes() {
            self.tally.read += 1;
            match outcome {
                Outcome::Accepted(row, _) if self.refused.has(place.line) => {
                    self.refuse_by_table(row.key, place)?;
                }
                Outcome::Accepted(row, warnings) => {
                    if self.refused.has_key(row.key) {
                        self.candidates.push(&row)?;
                    }
                    gathering.push(&row)?;
                    self.warn(take(warnings), place)?;
                }
                Outcome::Refused(refused) => self.refuse_row(refused, place)?,
            }
        }
        Ok(())
    }

    fn refuse_by_table(&mut self, key: Uuid, place: Place) -> Result<(), StageFault> {
        if let Some(unread) = &mut self.unread {
            unread.keys.push(key);
        }
        let reject = self.refused.reject(place, &self.fields);
        self.refuse(reject.into_iter().collect(), place)
    }

    fn refuse_row(&mut self, refused: &mut Refused, place: Place) -> Result<(), StageFault> {
        if let Some(unread) = &mut self.unread {
            match refused.key {
                Some(key) => unread.keys.push(key),
                None => unread.without_key += 1,
            }
        }
        self.refuse(take(&mut refused.rejects), place)
    }

    fn refuse(&mut self, rejects: Vec<Reject>, place: Place) -> Result<(), StageFault> {
        self.tally.rejected += 1;
        self.note(rejects, place)
    }

    fn note(&mut self, rejects: Vec<Reject>, place: Place) -> Result<(), StageFault> {
        if rejects.is_empty() {
            return Ok(());
        }
        if place.length > LONGEST_REJECT {
            return Err(StageFault::RowTooLarge {
                line: place.line,
                bytes: place.length,
                limit: LONGEST_REJECT,
            });
        }
        let original = self.originals.read(place).map_err(StageFault::of_reading)?;
        for reject in rejects {
            self.findings.push(&Finding {
                reject,
                winner_line: None,
                original: original.clone(),
            })?;
        }
        Ok(())
    }

    /// A row that is too long to be kept in the rejects is no reason to refuse a file that can be
    /// loaded.
    fn warn(&mut self, warnings: Vec<Reject>, place: Place) -> Result<(), StageFault> {
        if place.length > LONGEST_REJECT {
            return Ok(());
        }
        self.note(warnings, place)
    }

    fn settle_duplicates(&mut self, rows: &mut Rows, policy: Duplicates) -> Result<(), StageFault> {
        rows.losses(|place, loss| match (loss, policy) {
            (Loss::Exact, _) => {
                self.tally.duplicates += 1;
                Ok(())
            }
            (Loss::Conflicting { winner }, Duplicates::FailFile) => Err(StageFault::ContestedKey {
                line: place.line,
                winner,
            }),
            (Loss::Conflicting { .. }, Duplicates::RejectKey) => self.refuse_contested(place),
            (Loss::Conflicting { winner }, Duplicates::Last | Duplicates::First)
            | (Loss::Superseded { winner }, _) => {
                self.tally.duplicates += 1;
                self.note_loser(place, winner)
            }
        })?;
        if policy == Duplicates::RejectKey {
            for (key, place) in rows.remove_contested()? {
                if let Some(unread) = &mut self.unread {
                    unread.keys.push(key);
                }
                self.refuse_contested(place)?;
            }
        }
        Ok(())
    }

    fn refuse_contested(&mut self, place: Place) -> Result<(), StageFault> {
        let message = "Another row of this file has the same key and other values, and the \
                       contract uses neither (duplicates = \"reject_key\").";
        self.refuse(
            vec![Reject::of_row(place, RejectKind::ContestedKey, message)],
            place,
        )
    }

    fn note_loser(&mut self, place: Place, winner: u64) -> Result<(), StageFault> {
        let message = format!("Line {winner} of this file has the same key and was used instead.");
        let finding = Finding {
            reject: Reject::of_row(place, RejectKind::ConflictingDuplicate, message),
            winner_line: Some(winner),
            original: self.originals.read(place).map_err(StageFault::of_reading)?,
        };
        Ok(self.findings.push(&finding)?)
    }
}

impl From<FileFault> for StageFault {
    fn from(fault: FileFault) -> Self {
        match fault {
            FileFault::Io(error) => Self::Unreadable(error),
            refused => Self::File(refused),
        }
    }
}

#[cfg(test)]
mod tests;
