//! What every load works with, what a person may wish of one, and how one ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::register::Register;
use super::report::Report;
use crate::contract::{Contracts, Redelivery};
use crate::db::pool::Database;
use crate::error::{LoadError, Verdict};
use crate::merge::ledger::Entry;
use crate::merge::{Consent, Instant, MergeError};
use crate::retire::{Disposal, Shelves};
use crate::stage::key::KeyScheme;
use crate::stage::{Limits, Progress};
use crate::summary::Summary;

/// What every load needs: one for the whole process.
#[derive(Debug)]
pub struct Desk {
    /// The database.
    pub database: Database,
    /// What the tables promise.
    pub register: Register,
    /// How natural keys become durable ones.
    pub keys: KeyScheme,
    /// What a file may measure.
    pub limits: Limits,
    /// Where files go that are not deleted.
    pub shelves: Shelves,
}

impl Desk {
    /// What the tables promise, as it was last read.
    #[must_use]
    pub fn contracts(&self) -> Arc<Contracts> {
        self.register.last()
    }
}

/// What a person wants of one load, beside what the contract says.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Whether the file is removed; `None` is the contract's word.
    pub disposal: Option<Disposal>,
    /// Whether bytes that were loaded before are loaded again; `None` is the contract's word.
    pub redelivery: Option<Redelivery>,
    /// From when on the file holds; `None` is the contract's word.
    pub instant: Option<Instant>,
    /// Whether the file may close and change more keys than the guards allow.
    pub consent: Consent,
}

impl Wish {
    /// Everything as the contract says.
    pub const CONTRACT: Self = Self {
        disposal: None,
        redelivery: None,
        instant: None,
        consent: Consent::NotAsked,
    };
}

/// How a file's way ended.
#[derive(Debug)]
pub enum Outcome {
    /// Loaded, or skipped; the file is removed as it was to be.
    Done(Entry),
    /// Not loaded, and perhaps held until a person says that it is right. The ledger knows why.
    Refused {
        /// What the ledger has.
        entry: Entry,
        /// Where the file lies now, with a report beside it; `None` if it stayed where it was.
        place: Option<PathBuf>,
        /// What is wrong with it, row by row.
        report: Report,
    },
}

impl Outcome {
    /// What the ledger has.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        match self {
            Self::Done(entry) | Self::Refused { entry, .. } => entry,
        }
    }
}

/// Whoever watches over a load: hears of its progress, and decides how long it may wait.
pub trait Attendant: Progress {
    /// The load has to wait for something that can heal. `attempt` counts from 1.
    fn wait(&self, error: &LoadError, attempt: u32) -> Patience;

    /// Another load of the table is still running, which is no failure however long it takes.
    /// `turn` counts from 1.
    fn wait_for_turn(&self, error: &LoadError, turn: u32) -> Patience;
}

/// Whether to go on after a failed attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// The pause is over: try again.
    Again,
    /// No more.
    GiveUp,
}

/// The pause after a failed attempt: short at first, never longer than half a minute.
#[must_use]
pub fn pause(attempt: u32) -> Duration {
    let doubled = 250_u64.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    Duration::from_millis(doubled.min(30_000))
}

/// The pause before a load asks again whether its turn has come. It has waited in the server's
/// line just now, and has to get back into it before long.
pub const TURN: Duration = Duration::from_millis(50);

/// How often a file is tried that a unique index refuses. More often than another writer can be
/// in the way; a file that breaks a rule of the table's own must not stop the table for ever.
const UNIQUE_ATTEMPTS: u32 = 3;

/// Attempts something as often as it takes, for as long as the attendant has patience.
pub(super) fn patiently<T>(
    attendant: &dyn Attendant,
    mut attempt: impl FnMut() -> Result<T, LoadError>,
) -> Result<T, LoadError> {
    let (mut attempts, mut turns, mut violations) = (0, 0, 0);
    loop {
        let result = attempt();
        if let Err(LoadError::Merge(error)) = &result
            && error.is_unique_violation()
        {
            violations += 1;
        }
        match result {
            Err(LoadError::Merge(error))
                if violations >= UNIQUE_ATTEMPTS && error.is_unique_violation() =>
            {
                return Err(LoadError::Rule(error));
            }
            Err(error @ LoadError::Merge(MergeError::TableBusy { .. })) => {
                turns += 1;
                if attendant.wait_for_turn(&error, turns) == Patience::GiveUp {
                    return Err(error);
                }
            }
            Err(error) if error.verdict() == Verdict::Retry => {
                attempts += 1;
                if attendant.wait(&error, attempts) == Patience::GiveUp {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
}

/// The one event of a load or a turn, written where it ended.
pub(super) fn log(entry: &Entry) {
    let summary = &entry.summary;
    let Summary {
        rows,
        changes,
        seconds,
        ..
    } = summary;
    tracing::info!(
        load_id = summary.load_id,
        table = summary.table.as_str(),
        file = summary.file,
        status = summary.status.code(),
        reason = entry.reason.as_deref(),
        rows.read = rows.read,
        rows.accepted = rows.accepted,
        rows.rejected = rows.rejected,
        rows.duplicates = rows.duplicates,
        rows.held = rows.held,
        changes.inserted = changes.inserted,
        changes.updated = changes.updated,
        changes.deactivated = changes.deactivated,
        changes.unchanged = changes.unchanged,
        changes.reopened = changes.reopened,
        changes.corrected = changes.corrected,
        changes.split = changes.split,
        changes.moved = changes.moved,
        changes.late_unchanged = changes.late_unchanged,
        changes.closed = changes.closed,
        changes.absent_already = changes.absent_already,
        changes.closed_by_absence = changes.closed_by_absence,
        changes.overwritten = changes.overwritten,
        changes.filled = changes.filled,
        seconds.total = seconds.total,
        seconds.stage = seconds.stage,
        seconds.merge = seconds.merge,
        "{} {}",
        summary.file,
        summary.status.code()
    );
}
