//! One file's way from its claim to its end.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::{Duration, Instant as Clock};

use rustix::fs::OFlags;

use super::report::Report;
use crate::contract::{Contract, Contracts, Redelivery};
use crate::db::pool::Database;
use crate::error::{LoadError, Verdict};
use crate::failpoint;
use crate::merge::ledger::Entry;
use crate::merge::{self, Closes, Instant, MergeError, Receipt, Terms};
use crate::retire::{self, Disposal, Shelves};
use crate::stage::key::KeyScheme;
use crate::stage::{self, Delivery, Limits, Progress, Source, Staged, Tally};
use crate::summary::{Status, Summary};
use crate::watch::{Arrival, Origin, display_name};

/// What every load needs: one for the whole process.
#[derive(Debug)]
pub struct Desk {
    /// The database.
    pub database: Database,
    /// What the tables promise.
    pub contracts: Contracts,
    /// How natural keys become durable ones.
    pub keys: KeyScheme,
    /// What a file may measure.
    pub limits: Limits,
    /// Where files go that are not deleted.
    pub shelves: Shelves,
}

/// What a person wants of one load, beside what the contract says.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Whether the file is removed; `None` is the contract's word.
    pub disposal: Option<Disposal>,
    /// Whether bytes that were loaded before are loaded again; `None` is the contract's word.
    pub redelivery: Option<Redelivery>,
    /// From when on the file holds.
    pub instant: Instant,
}

impl Wish {
    /// Everything as the contract says.
    pub const CONTRACT: Self = Self {
        disposal: None,
        redelivery: None,
        instant: Instant::LoadTime,
    };
}

/// How often a file is tried that a unique index refuses. More often than another writer can be
/// in the way; a file that breaks a rule of the table's own must not stop the table for ever.
const UNIQUE_ATTEMPTS: u32 = 3;

/// How a file's way ended.
#[derive(Debug)]
pub enum Outcome {
    /// Loaded, or skipped; the file is removed as it was to be.
    Done(Entry),
    /// Not loaded. The ledger knows why.
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

/// Takes one file from its claim to its end.
///
/// An error means that the file is still where it was, still claimed if it was claimed, and that
/// nothing of it is in the database, unless the error says so.
pub fn load(
    desk: &Desk,
    arrival: &Arrival,
    wish: &Wish,
    attendant: &dyn Attendant,
) -> Result<Outcome, LoadError> {
    let outcome = Way::new(desk, arrival, wish, attendant)?.go()?;
    log(outcome.entry());
    Ok(outcome)
}

/// Removes the file of a load that is in the ledger, and that could not be removed then. `read`
/// is the file as it was when it was loaded. `None` if the ledger does not know of it.
pub(super) fn finish(
    desk: &Desk,
    arrival: &Arrival,
    read: Stamp,
    attendant: &dyn Attendant,
) -> Result<Option<Outcome>, LoadError> {
    let way = Way::new(desk, arrival, &Wish::CONTRACT, attendant)?;
    let known = way.patiently(|| {
        let claim = arrival.claim().uuid();
        Ok(merge::receipt(&mut *desk.database.get()?, claim)?)
    })?;
    let Some(receipt) = known else {
        return Ok(None);
    };
    let outcome = match fs::symlink_metadata(arrival.path()) {
        // A person removed it, as they were asked to.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Outcome::Done(receipt.entry().clone())
        }
        _ => way.retire(&receipt, read)?,
    };
    log(outcome.entry());
    Ok(Some(outcome))
}

/// The one event of a load, written where it ended.
fn log(entry: &Entry) {
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
        seconds.total = seconds.total,
        seconds.stage = seconds.stage,
        seconds.merge = seconds.merge,
        "{} {}",
        summary.file,
        summary.status.code()
    );
}

/// The ledger and the report of a refused file know of every reject, whoever found it.
fn add_findings(staged: &mut Staged, error: &LoadError) -> io::Result<()> {
    for finding in error.findings() {
        staged.findings.push(finding)?;
        staged.tally.rejected += 1;
    }
    Ok(())
}

/// A claimed file is opened as it is: a link that was put in its place is not followed, and a
/// pipe does not block. A file that a person named may be a link.
fn open(arrival: &Arrival) -> io::Result<File> {
    let mut flags = OFlags::NONBLOCK;
    if arrival.origin() == Origin::Claimed {
        flags |= OFlags::NOFOLLOW;
    }
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(arrival.path())?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// What tells one state of a file from any other, of this file or of another one.
pub(super) type Stamp = (u64, u64, u64, i64, i64);

pub(super) fn stamp(file: &Metadata) -> Stamp {
    (
        file.dev(),
        file.ino(),
        file.len(),
        file.ctime(),
        file.ctime_nsec(),
    )
}

/// One file, and everything that its load needs.
struct Way<'a> {
    desk: &'a Desk,
    arrival: &'a Arrival,
    contract: &'a Contract,
    wish: &'a Wish,
    attendant: &'a dyn Attendant,
    began: Clock,
}

impl<'a> Way<'a> {
    fn new(
        desk: &'a Desk,
        arrival: &'a Arrival,
        wish: &'a Wish,
        attendant: &'a dyn Attendant,
    ) -> Result<Self, LoadError> {
        let Some(contract) = desk.contracts.get(arrival.table()) else {
            let message = format!("`{}` is not in hayloft.toml", arrival.table());
            return Err(LoadError::Stage(stage::StageFault::Contract(message)));
        };
        Ok(Self {
            desk,
            arrival,
            contract,
            wish,
            attendant,
            began: Clock::now(),
        })
    }

    fn go(&self) -> Result<Outcome, LoadError> {
        let file = open(self.arrival).map_err(LoadError::Open)?;
        let read = stamp(&file.metadata().map_err(LoadError::Open)?);
        let mut staged = match self.stage(&file) {
            Err(error) if error.verdict() == Verdict::Refuse => {
                return self.refuse(&error, read, &self.unread(&file)?, Tally::default(), None);
            }
            other => other?,
        };
        match self.merge(&mut staged) {
            Err(error) if error.verdict() == Verdict::Refuse => {
                add_findings(&mut staged, &error).map_err(stage::StageFault::Spool)?;
                let delivery = staged.delivery.clone();
                self.refuse(&error, read, &delivery, staged.tally, Some(&mut staged))
            }
            other => self.retire(&other?, read),
        }
    }

    /// What was delivered in a file that could not be read to its end.
    fn unread(&self, file: &File) -> Result<Delivery, LoadError> {
        let (bytes, sha256) = stage::digest(file).map_err(LoadError::Open)?;
        let (claim, name) = (self.arrival.claim().uuid(), self.arrival.name().to_owned());
        Ok(Delivery {
            claim,
            file: name,
            bytes,
            sha256,
            header: None,
        })
    }

    fn stage(&self, file: &File) -> Result<Staged, LoadError> {
        failpoint!("stage::begin");
        let source = Source {
            claim: self.arrival.claim().uuid(),
            name: self.arrival.name().to_owned(),
            file: file.try_clone().map_err(LoadError::Open)?,
        };
        let Desk { keys, limits, .. } = self.desk;
        let staged = stage::stage(source, self.contract, keys, limits, self.attendant)?;
        failpoint!("stage::done");
        Ok(staged)
    }

    /// Merges, as often as it takes: what was staged stays good while the database is away.
    fn merge(&self, staged: &mut Staged) -> Result<Receipt, LoadError> {
        merge::guard(
            &self.contract.guards,
            staged.tally.read,
            staged.tally.rejected,
        )
        .map_err(|breach| LoadError::Merge(breach.into()))?;
        let terms = Terms {
            redelivery: self.wish.redelivery.unwrap_or(self.contract.redelivery),
            instant: self.wish.instant,
            closes: Closes::Guarded,
            began: self.began,
        };
        let Desk {
            database,
            contracts,
            keys,
            ..
        } = self.desk;
        self.patiently(|| {
            let mut conn = database.get()?;
            Ok(merge::merge(
                &mut conn,
                contracts,
                self.contract,
                keys,
                staged,
                &terms,
            )?)
        })
    }

    fn retire(&self, receipt: &Receipt, read: Stamp) -> Result<Outcome, LoadError> {
        let by_contract = Disposal::OnDone(self.contract.on_done);
        let disposal = self.wish.disposal.unwrap_or(by_contract);
        let entry = receipt.entry().clone();
        if entry.summary.status == Status::Failed {
            // A crash came between the ledger's note of the failure and the move of the file.
            return self.set_aside(receipt, Report::new(&entry, None));
        }
        if disposal != Disposal::Leave && self.was_written_to(read) {
            self.spare(receipt)?;
        } else {
            retire::retire(self.arrival, receipt, disposal, &self.desk.shelves)?;
        }
        Ok(Outcome::Done(entry))
    }

    /// Whether the name no longer stands for what was read: somebody put another file in its
    /// place, or wrote on through a descriptor that was open all the time.
    fn was_written_to(&self, read: Stamp) -> bool {
        // One that is gone, or cannot be seen, is for retire to speak of.
        fs::metadata(self.arrival.path()).is_ok_and(|now| stamp(&now) != read)
    }

    /// Does not remove a file of which some bytes were never read.
    fn spare(&self, receipt: &Receipt) -> Result<(), LoadError> {
        let name = self.arrival.name();
        let report = format!(
            "`{name}` was written to after it had been read. What it held before is loaded, and \
             what came later is not. Drop the file again to load the rest.\n"
        );
        let place = retire::set_aside(self.arrival, receipt, &report, &self.desk.shelves)?;
        let place = place.as_deref().unwrap_or(self.arrival.path());
        tracing::warn!(
            "`{name}` was written to after it had been read, so it is not removed. It lies in {}: \
             drop it again to load the rest.",
            display_name(place.as_os_str())
        );
        Ok(())
    }

    /// Notes in the ledger that the file was refused, then sets it aside.
    fn refuse(
        &self,
        error: &LoadError,
        read: Stamp,
        delivery: &Delivery,
        tally: Tally,
        staged: Option<&mut Staged>,
    ) -> Result<Outcome, LoadError> {
        let reason = error.to_string();
        let receipt = self.patiently(|| {
            let mut conn = self.desk.database.get()?;
            let table = &self.contract.name;
            Ok(merge::note_refusal(
                &mut conn, table, delivery, tally, &reason, self.began,
            )?)
        })?;
        if receipt.entry().summary.status != Status::Failed {
            // The ledger knows better: it was loaded before a crash, and damaged since.
            return self.retire(&receipt, read);
        }
        let findings = staged.map(|staged| &mut staged.findings);
        let report = Report::new(receipt.entry(), findings);
        self.set_aside(&receipt, report)
    }

    fn set_aside(&self, receipt: &Receipt, report: Report) -> Result<Outcome, LoadError> {
        let shelves = &self.desk.shelves;
        let place = retire::set_aside(self.arrival, receipt, &report.to_string(), shelves)?;
        let entry = receipt.entry().clone();
        Ok(Outcome::Refused {
            entry,
            place,
            report,
        })
    }

    fn patiently<T>(
        &self,
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
                    if self.attendant.wait_for_turn(&error, turns) == Patience::GiveUp {
                        return Err(error);
                    }
                }
                Err(error) if error.verdict() == Verdict::Retry => {
                    attempts += 1;
                    if self.attendant.wait(&error, attempts) == Patience::GiveUp {
                        return Err(error);
                    }
                }
                other => return other,
            }
        }
    }
}
