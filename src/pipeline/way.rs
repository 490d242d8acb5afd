//! One file's way from its claim to its end.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Instant as Clock;

use rustix::fs::OFlags;

use super::desk::{self, Attendant, Desk, Outcome, Wish};
use super::instant;
use super::report::{self, Report};
use crate::contract::{Contract, Contracts};
use crate::error::{LoadError, Verdict};
use crate::failpoint;
use crate::ledger::words::SetAside;
use crate::merge::ledger::Bytes;
use crate::merge::{self, Companion, Indexes, Instant, MergeError, Receipt, Shortcuts, Terms};
use crate::retire::{self, Disposal, Lot, Retired, Shelf, Synced};
use crate::stage::{self, Delivery, Source, Staged, Stamp, TableRejects, Tally};
use crate::summary::Status;
use crate::watch::{Arrival, Identity, Origin, ScanDepth, Writers, display_name};

/// How the reason of a held file ends.
const RELEASE: &str = "If the file is right, `hayloft accept` loads it, once.";

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
    let outcome = by_current_contracts(desk, attendant, |contracts| {
        Way::new(desk, contracts, arrival, wish, attendant)?.go()
    })?;
    desk::log(outcome.entry());
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
    let contracts = desk.contracts();
    let way = Way::new(desk, &contracts, arrival, &Wish::CONTRACT, attendant)?;
    let known = desk::patiently(attendant, || {
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
    desk::log(outcome.entry());
    Ok(Some(outcome))
}

/// How often the contracts are read again for one piece of work.
const READINGS: u32 = 3;

/// Works by the contracts as the tables are now: the file before may have added a column. And once
/// more, if another process did so while the work was under way.
pub(super) fn by_current_contracts<T>(
    desk: &Desk,
    attendant: &dyn Attendant,
    mut work: impl FnMut(&Contracts) -> Result<T, LoadError>,
) -> Result<T, LoadError> {
    let mut readings = 0;
    loop {
        let contracts = desk::patiently(attendant, || desk.register.current(&desk.database))?;
        match work(&contracts) {
            Err(error @ LoadError::Merge(MergeError::TableChanged { .. })) => {
                desk.register.outdate();
                readings += 1;
                if readings == READINGS {
                    return Err(error);
                }
            }
            other => return other,
        }
    }
}

/// The ledger and the report of a refused file know of every reject, whoever found it.
pub(super) fn add_findings(staged: &mut Staged, error: &LoadError) -> io::Result<()> {
    for finding in error.findings() {
        staged.findings.push(finding)?;
        staged.tally.rejected += 1;
    }
    Ok(())
}

/// A claimed file is opened as it is: a link that was put in its place is not followed, and a
/// pipe does not block. A file that a person named may be a link.
pub(super) fn open(arrival: &Arrival) -> io::Result<File> {
    if arrival.origin() == Origin::Claimed {
        let (folder, name) = arrival.directory()?;
        return folder.open_file(&name);
    }
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(arrival.path())?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// What is known of an arrival's file without reading it.
pub(super) fn look(arrival: &Arrival) -> io::Result<Metadata> {
    match arrival.origin() {
        Origin::InPlace => fs::metadata(arrival.path()),
        Origin::Claimed => {
            let (folder, name) = arrival.directory()?;
            folder.metadata(&name)
        }
    }
}

/// Refuses files that a process has open for writing: they may not be complete.
pub(super) fn refuse_open(read: &[Stamp], depth: ScanDepth) -> Result<(), LoadError> {
    let writers = writers(read, depth);
    let writer = read
        .iter()
        .find_map(|stamp| writers.writer(identity(*stamp)));
    writer.map_or(Ok(()), |writer| {
        Err(LoadError::BeingWritten(writer.clone()))
    })
}

/// Who has these files open for writing.
pub(super) fn writers(read: &[Stamp], depth: ScanDepth) -> Writers {
    let files: Vec<_> = read.iter().map(|stamp| identity(*stamp)).collect();
    Writers::of(&files, depth)
}

fn identity(stamp: Stamp) -> Identity {
    let (device, inode) = stamp.file();
    Identity { device, inode }
}

/// One file, and everything that its load needs.
pub(super) struct Way<'a> {
    desk: &'a Desk,
    contracts: &'a Contracts,
    arrival: &'a Arrival,
    pub(super) contract: &'a Contract,
    wish: &'a Wish,
    attendant: &'a dyn Attendant,
    began: Clock,
}

/// How often a file is brought in without rows that the table refuses, until it refuses no more of
/// them. Once is enough, unless another row takes the place of a refused one: a duplicate of it.
const ROUNDS: u32 = 100;

/// From how many rows on a load has a second session. To make one takes the server some
/// milliseconds, on a core that would have nothing to do.
const LARGE: usize = 1 << 12;

impl<'a> Way<'a> {
    pub(super) fn new(
        desk: &'a Desk,
        contracts: &'a Contracts,
        arrival: &'a Arrival,
        wish: &'a Wish,
        attendant: &'a dyn Attendant,
    ) -> Result<Self, LoadError> {
        let Some(contract) = contracts.get(arrival.table()) else {
            if let Some(fault) = contracts.fault_of(arrival.table()) {
                return Err(LoadError::Contracts(fault));
            }
            let message = format!("`{}` is not in hayloft.toml", arrival.table());
            return Err(LoadError::Stage(stage::StageFault::Contract(message)));
        };
        Ok(Self {
            desk,
            contracts,
            arrival,
            contract,
            wish,
            attendant,
            began: Clock::now(),
        })
    }

    fn go(&self) -> Result<Outcome, LoadError> {
        let file = open(self.arrival).map_err(LoadError::Open)?;
        let read = Stamp::of(&file.metadata().map_err(LoadError::Open)?);
        let taken_in = self.without_refused(&file, |staged, instant| self.merge(staged, instant));
        let (mut staged, merged) = match taken_in {
            Ok(taken_in) => taken_in,
            Err(error) => {
                let refused = Refused::of(error)?;
                self.vouch_for_contracts()?;
                return self.refuse(&refused, read, &self.unread(&file)?, Tally::default(), None);
            }
        };
        match merged {
            Ok(receipt) => {
                self.note_columns(&receipt, &staged);
                self.retire(&receipt, read)
            }
            Err(error) => {
                let refused = Refused::of(error)?;
                self.vouch_for_contracts()?;
                add_findings(&mut staged, &refused.error).map_err(stage::StageFault::Spool)?;
                let delivery = staged.delivery.clone();
                self.refuse(&refused, read, &delivery, staged.tally, Some(&mut staged))
            }
        }
    }

    /// Everything that comes before the database.
    pub(super) fn make_ready(&self) -> Result<(Stamp, Companion), LoadError> {
        let file = open(self.arrival).map_err(LoadError::Open)?;
        let read = Stamp::of(&file.metadata().map_err(LoadError::Open)?);
        let (instant, staged) = self.read_in(&file, &TableRejects::default())?;
        self.guard(&staged)?;
        let companion = Companion {
            staged,
            terms: self.terms(instant),
            staging: self.began.elapsed(),
        };
        Ok((read, companion))
    }

    /// Reads the file, and finds meanwhile that no process has it open for writing. Of a claimed one
    /// the watch found that before; whoever came between is found here. That counts before whatever
    /// is wrong with the file: half a row is no fault of it yet.
    fn take_in(&self, file: &File, refused: &TableRejects) -> Result<(Instant, Staged), LoadError> {
        let read = Stamp::of(&file.metadata().map_err(LoadError::Open)?);
        let depth = match self.arrival.origin() {
            Origin::Claimed => ScanDepth::Descriptors,
            Origin::InPlace => ScanDepth::DescriptorsAndMappings,
        };
        thread::scope(|scope| {
            let look = scope.spawn(|| refuse_open(&[read], depth));
            let taken_in = self.read_in(file, refused);
            look.join().unwrap_or(Err(LoadError::Defect))?;
            taken_in
        })
    }

    /// Everything that can be known of the file without the database.
    fn read_in(&self, file: &File, refused: &TableRejects) -> Result<(Instant, Staged), LoadError> {
        let instant = match self.wish.instant {
            Some(instant) => instant,
            None => instant::of(self.contract, self.arrival)?,
        };
        Ok((instant, self.stage(file, refused)?))
    }

    /// Does the work with what the file says; and again, without the rows that the table turns out to
    /// refuse. The error is of the file before the work; what came of the work is beside what was staged.
    pub(super) fn without_refused<T>(
        &self,
        file: &File,
        work: impl Fn(&mut Staged, Instant) -> Result<T, LoadError>,
    ) -> Result<(Staged, Result<T, LoadError>), LoadError> {
        let mut refused = TableRejects::default();
        for _ in 0..ROUNDS {
            let (instant, mut staged) = self.take_in(file, &refused)?;
            match work(&mut staged, instant) {
                Err(LoadError::Merge(MergeError::RowsRefused { offenders, .. }))
                    if refused.learn(offenders.rows().iter().cloned()) => {}
                done => return Ok((staged, done)),
            }
        }
        let (_, staged) = self.take_in(file, &refused)?;
        let table = self.contract.name.clone();
        Ok((
            staged,
            Err(LoadError::Merge(MergeError::RefusedInTurn { table })),
        ))
    }

    /// Finds that a file is not about to be refused for what its table was like some time ago.
    fn vouch_for_contracts(&self) -> Result<(), LoadError> {
        if self
            .desk
            .register
            .has_news(&self.desk.database, self.contracts)
        {
            let table = self.contract.name.clone();
            return Err(LoadError::Merge(MergeError::TableChanged { table }));
        }
        Ok(())
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

    fn stage(&self, file: &File, refused: &TableRejects) -> Result<Staged, LoadError> {
        failpoint!("stage::begin");
        // It may have been read before.
        (&*file).rewind().map_err(LoadError::Open)?;
        let source = Source {
            claim: self.arrival.claim().uuid(),
            name: self.arrival.name().to_owned(),
            file: file.try_clone().map_err(LoadError::Open)?,
        };
        let Desk { keys, limits, .. } = self.desk;
        let contract = self.contract;
        let staged = stage::stage_without(refused, source, contract, keys, limits, self.attendant)?;
        failpoint!("stage::done");
        self.attendant.all_read(staged.rows.len() as u64);
        Ok(staged)
    }

    /// Merges, as often as it takes: what was staged stays good while the database is away.
    fn merge(&self, staged: &mut Staged, instant: Instant) -> Result<Receipt, LoadError> {
        self.guard(staged)?;
        let terms = self.terms(instant);
        let Desk { database, keys, .. } = self.desk;
        let is_large = staged.rows.len() >= LARGE;
        let mut shortcuts = Shortcuts {
            beside: is_large.then(|| database.url()),
            indexes: Indexes::MadeAnew,
        };
        desk::patiently(self.attendant, || {
            let mut conn = database.get()?;
            let (contracts, contract) = (self.contracts, self.contract);
            let merged = merge::merge(
                &mut conn, shortcuts, contracts, contract, keys, staged, &terms,
            );
            if !matches!(merged, Ok(_) | Err(MergeError::TableBusy { .. })) {
                // One of them may have been the trouble.
                shortcuts = Shortcuts::NONE;
            }
            Ok(merged?)
        })
    }

    /// The same, up to the commit.
    pub(super) fn plan(
        &self,
        staged: &mut Staged,
        instant: Instant,
        samples: usize,
    ) -> Result<merge::Plan, LoadError> {
        self.guard(staged)?;
        let terms = self.terms(instant);
        let Desk { database, keys, .. } = self.desk;
        desk::patiently(self.attendant, || {
            let mut conn = database.get()?;
            let (contracts, contract) = (self.contracts, self.contract);
            let planned = merge::plan(
                &mut conn, contracts, contract, keys, staged, &terms, samples,
            );
            Ok(planned?)
        })
    }

    fn guard(&self, staged: &Staged) -> Result<(), LoadError> {
        let Tally { read, rejected, .. } = staged.tally;
        merge::guard(&self.contract.guards, read, rejected)
            .map_err(|breach| LoadError::Merge(breach.into()))
    }

    fn terms(&self, instant: Instant) -> Terms {
        Terms {
            redelivery: self.wish.redelivery.unwrap_or(self.contract.redelivery),
            instant,
            consent: self.wish.consent.clone(),
            began: self.began,
        }
    }

    /// A column that was added with the load has to be known before another file is staged.
    fn note_columns(&self, receipt: &Receipt, staged: &Staged) {
        let loaded = receipt.entry().summary.status == Status::Loaded;
        if loaded && !staged.added.is_empty() {
            self.desk.register.outdate();
        }
    }

    fn retire(&self, receipt: &Receipt, read: Stamp) -> Result<Outcome, LoadError> {
        let writers = match self.disposal() {
            Disposal::Leave => Writers::none(),
            Disposal::OnDone(_) => writers(&[read], ScanDepth::Descriptors),
        };
        let taken = self.take_away(receipt, read, &writers)?;
        taken.sync(&mut Synced::default())
    }

    fn disposal(&self) -> Disposal {
        let by_contract = Disposal::OnDone(self.contract.on_done);
        self.wish.disposal.unwrap_or(by_contract)
    }

    /// Removes the file, which a power cut can still undo. One that a process has opened for writing
    /// meanwhile stays until that is done, as its bytes would go with the file.
    pub(super) fn take_away(
        &self,
        receipt: &Receipt,
        read: Stamp,
        writers: &Writers,
    ) -> Result<TakenAway, LoadError> {
        let disposal = self.disposal();
        let entry = receipt.entry().clone();
        if entry.summary.status == Status::Failed {
            // A crash came between the ledger's note of the failure and the move of the file.
            let report = Report::new(&entry, None);
            let outcome = self.set_aside(receipt, entry.set_aside, report)?;
            return Ok(TakenAway::durably(outcome));
        }
        if disposal != Disposal::Leave
            && let Some(writer) = writers.writer(identity(read))
        {
            return Err(retire::still_open(self.arrival, writer).into());
        }
        let is_other = receipt.bytes() == Bytes::Other || self.was_written_to(read);
        let outcome = Outcome::Done(entry);
        if disposal != Disposal::Leave && is_other {
            self.spare(receipt)?;
            return Ok(TakenAway::durably(outcome));
        }
        let retired = retire::retire(&self.lot(receipt), disposal, &self.desk.shelves)?;
        Ok(TakenAway {
            outcome,
            retired: Some(retired),
        })
    }

    /// The file, and all that goes where it goes.
    fn lot<'r>(&'r self, receipt: &'r Receipt) -> Lot<'r> {
        Lot {
            arrival: self.arrival,
            beside: instant::beside(self.contracts, self.contract),
            receipt,
        }
    }

    /// Whether the name no longer stands for what was read: somebody put another file in its
    /// place, or wrote on through a descriptor that was open all the time.
    fn was_written_to(&self, read: Stamp) -> bool {
        // One that is gone, or cannot be seen, is for retire to speak of.
        look(self.arrival).is_ok_and(|now| Stamp::of(&now) != read)
    }

    /// Does not remove a file of which some bytes were never read.
    fn spare(&self, receipt: &Receipt) -> Result<(), LoadError> {
        let name = self.arrival.name();
        let text = format!(
            "`{name}` was written to after it had been read. What it held before is loaded, and \
             what came later is not. Drop the file again to load the rest.\n"
        );
        let report = |_: &Path| text.clone();
        let shelves = &self.desk.shelves;
        let place = retire::set_aside(&self.lot(receipt), Shelf::Failed, &report, shelves)?;
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
        refused: &Refused,
        read: Stamp,
        delivery: &Delivery,
        tally: Tally,
        mut staged: Option<&mut Staged>,
    ) -> Result<Outcome, LoadError> {
        let mut reason = refused.reason();
        if let (Some(staged), SetAside::Failed) = (&mut staged, refused.set_aside) {
            reason = report::with_lines(&reason, &mut staged.findings);
        }
        let receipt = desk::patiently(self.attendant, || {
            let mut conn = self.desk.database.get()?;
            let table = &self.contract.name;
            Ok(merge::note_refusal(
                &mut conn,
                table,
                delivery,
                tally,
                &reason,
                refused.set_aside,
                self.began,
            )?)
        })?;
        if receipt.entry().summary.status != Status::Failed {
            // The ledger knows better: it was loaded before a crash, and damaged since.
            return self.retire(&receipt, read);
        }
        let findings = staged.map(|staged| &mut staged.findings);
        let report = Report::new(receipt.entry(), findings).with_examples(refused.error.examples());
        self.set_aside(&receipt, Some(refused.set_aside), report)
    }

    fn set_aside(
        &self,
        receipt: &Receipt,
        set_aside: Option<SetAside>,
        report: Report,
    ) -> Result<Outcome, LoadError> {
        let on = shelf_of(set_aside);
        let text = |place: &Path| match on {
            Shelf::Failed => report.to_mend(place),
            Shelf::Held => report.to_release(place),
        };
        let shelves = &self.desk.shelves;
        let place = retire::set_aside(&self.lot(receipt), on, &text, shelves)?;
        let entry = receipt.entry().clone();
        Ok(Outcome::Refused {
            entry,
            place,
            report,
        })
    }
}

/// How the way of a file ends as soon as its removal is durable.
pub(super) struct TakenAway {
    outcome: Outcome,
    retired: Option<Retired>,
}

impl TakenAway {
    fn durably(outcome: Outcome) -> Self {
        Self {
            outcome,
            retired: None,
        }
    }

    pub(super) fn sync(self, synced: &mut Synced) -> Result<Outcome, LoadError> {
        if let Some(retired) = self.retired {
            retired.sync(synced)?;
        }
        Ok(self.outcome)
    }
}

/// Why a file is set aside, and where.
struct Refused {
    error: LoadError,
    set_aside: SetAside,
}

impl Refused {
    /// An error that is the file's own fault; any other is given back.
    fn of(error: LoadError) -> Result<Self, LoadError> {
        let set_aside = match error.verdict() {
            Verdict::Refuse => SetAside::Failed,
            Verdict::Hold => SetAside::Held,
            Verdict::Retry | Verdict::GiveBack | Verdict::Stop => return Err(error),
        };
        Ok(Self { error, set_aside })
    }

    /// What the ledger and people are told.
    fn reason(&self) -> String {
        match self.set_aside {
            SetAside::Failed => self.error.to_string(),
            SetAside::Held => format!("{} {RELEASE}", self.error),
        }
    }
}

/// Where the ledger says that a file is to be.
fn shelf_of(set_aside: Option<SetAside>) -> Shelf {
    match set_aside {
        Some(SetAside::Held) => Shelf::Held,
        Some(SetAside::Failed) | None => Shelf::Failed,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::merge::{CloseBreach, CloseLimit};

    #[test]
    fn a_snapshot_that_closes_too_much_is_held_and_a_broken_file_is_not() {
        let breach = CloseBreach {
            would_close: 700,
            open: 1000,
            rows: 300,
            limit: CloseLimit::MaxCloseFraction(0.2),
            sample: vec![Uuid::nil()],
        };
        let held = Refused::of(LoadError::Merge(MergeError::Closes(Box::new(breach)))).unwrap();
        assert_eq!(held.set_aside, SetAside::Held);
        assert!(held.reason().ends_with(RELEASE));
        let header = stage::StageFault::Header("No header.".into());
        let refused = Refused::of(LoadError::Stage(header)).unwrap();
        assert_eq!(refused.set_aside, SetAside::Failed);
    }

    #[test]
    fn what_is_not_the_files_fault_does_not_set_it_aside() {
        assert!(Refused::of(LoadError::Stage(stage::StageFault::Changed)).is_err());
        assert!(Refused::of(LoadError::Defect).is_err());
    }
}
