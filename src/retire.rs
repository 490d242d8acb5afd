//! Receipt → the file gone.
//!
//! In: an arrival, and the receipt that says what the ledger has of it. Out: the file deleted,
//! archived, kept, or set aside with a report; and what lies beside it, where it goes. This is the only code that removes a person's
//! file, and without a receipt it cannot be called.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, RenameFlags, renameat, renameat_with, unlinkat};
use rustix::io::Errno;
use thiserror::Error;

use crate::contract::OnDone;
use crate::directory::Directory;
use crate::failpoint;
use crate::merge::Receipt;
use crate::watch::{ARCHIVE, Arrival, Beside, FAILED, FileWriter, HELD, KEPT, Origin};

/// The folders that files go to, below `imports/`.
#[derive(Clone, Debug)]
pub struct Shelves {
    imports: PathBuf,
}

/// What becomes of a loaded file, once contract and command line are put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposal {
    /// By the contract.
    OnDone(OnDone),
    /// It stays where it is: `hayloft load` without `--retire`.
    Leave,
}

/// The file is dealt with as far as the database goes, but it still lies where it lay.
#[derive(Debug, Error)]
#[error(
    "The file is done with, but could not be removed: {source}. It will not be loaded again. It \
     is removed as soon as that is possible, or by hand: {place}."
)]
pub struct RetireError {
    place: String,
    source: io::Error,
}

impl Shelves {
    /// The folders below this one.
    #[must_use]
    pub fn of(imports: impl Into<PathBuf>) -> Self {
        Self {
            imports: imports.into(),
        }
    }

    /// Whether a file lies with those that a person has to let in.
    #[must_use]
    pub fn has_held(&self, file: &Path) -> bool {
        let held = Directory::open(&self.imports).and_then(|imports| imports.below(HELD));
        match (held, Directory::open(folder_of(file))) {
            (Ok(held), Ok(lies_in)) => held.is(&lies_in),
            _ => false,
        }
    }

    fn open(&self, name: &str) -> io::Result<Directory> {
        Directory::open(&self.imports)?.make_below(name)
    }
}

/// A file with all that goes where it goes, and the proof that it may go.
#[derive(Debug)]
pub struct Lot<'a> {
    /// The file.
    pub arrival: &'a Arrival,
    /// What lies beside it, if its table has such files.
    pub beside: Vec<Beside>,
    /// What the ledger has of it.
    pub receipt: &'a Receipt,
}

/// Where a file is set aside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shelf {
    /// With those that have to be mended.
    Failed,
    /// With those that a person has to let in.
    Held,
}

impl Shelf {
    fn name(self) -> &'static str {
        match self {
            Self::Failed => FAILED,
            Self::Held => HELD,
        }
    }
}

/// A file that is no longer where it was. Until its folder is synced, a power cut can bring it back;
/// it would not be loaded again, as the ledger knows its claim, but lie there to be removed anew.
#[derive(Debug)]
#[must_use = "its folder is to be synced"]
pub struct Retired {
    path: PathBuf,
    removal: Removal,
}

#[derive(Debug)]
enum Removal {
    Durable,
    /// Until this directory is synced.
    Unsynced(Directory),
}

/// The folders that were synced since the last of several files was removed from them.
#[derive(Default, Debug)]
pub struct Synced(BTreeSet<PathBuf>);

/// Removes the file of a load that the ledger has as loaded or skipped. That is to be made durable
/// by [`Retired::sync`], which many files can share.
pub fn retire(
    lot: &Lot<'_>,
    disposal: Disposal,
    shelves: &Shelves,
) -> Result<Retired, RetireError> {
    lot.check();
    failpoint!("retire::begin");
    let arrival = lot.arrival;
    let dispose = || match disposal {
        Disposal::Leave => Ok(Removal::Durable),
        Disposal::OnDone(OnDone::Delete) => lot.remove(),
        Disposal::OnDone(OnDone::Archive) => {
            let folder = shelves.open(ARCHIVE)?;
            lot.shelve(&folder, &prefixed(arrival), |_| Ok(()))
                .map(|_| Removal::Durable)
        }
        Disposal::OnDone(OnDone::Keep) => {
            let folder = shelves.open(KEPT)?;
            lot.shelve(&folder, arrival.delivered_name(), |_| Ok(()))
                .map(|_| Removal::Durable)
        }
    };
    let done = lot
        .forget_report(disposal, shelves)
        .and_then(|()| dispose());
    match done {
        Ok(removal) => Ok(Retired {
            path: arrival.path().to_owned(),
            removal,
        }),
        Err(source) => Err(stuck(arrival.path(), source)),
    }
}

impl Retired {
    /// Makes the removal survive a power cut, unless that was done for another file of its folder.
    pub fn sync(self, synced: &mut Synced) -> Result<(), RetireError> {
        if let Removal::Unsynced(directory) = &self.removal
            && !synced.0.contains(directory.path())
        {
            directory
                .sync()
                .map_err(|source| stuck(&self.path, source))?;
            synced.0.insert(directory.path().to_owned());
        }
        failpoint!("retire::synced");
        Ok(())
    }
}

/// Sets aside the file of a load that the ledger has as failed, with a report beside it, and says
/// where. The report is told the place. A file that was loaded where it lies stays there.
pub fn set_aside(
    lot: &Lot<'_>,
    shelf: Shelf,
    report: &dyn Fn(&Path) -> String,
    shelves: &Shelves,
) -> Result<Option<PathBuf>, RetireError> {
    lot.check();
    let arrival = lot.arrival;
    if arrival.origin() == Origin::InPlace {
        return Ok(None);
    }
    let shelve = || {
        let folder = shelves.open(shelf.name())?;
        lot.shelve(&folder, arrival.delivered_name(), |name| {
            write_report(&folder, name, &report(&folder.path().join(name)))
        })
    };
    shelve()
        .map(Some)
        .map_err(|source| stuck(arrival.path(), source))
}

/// Writes the report of a file of this name. One that a crash left without its file is replaced, and
/// so is a link of its name, which is not followed.
fn write_report(folder: &Directory, name: &OsStr, text: &str) -> io::Result<()> {
    let report = with_suffix(name, REPORT);
    match unlinkat(folder, &report, AtFlags::empty()) {
        Err(Errno::NOENT) => {}
        other => other?,
    }
    let mut file = folder.create_file(&report)?;
    file.write_all(text.as_bytes())?;
    // Its file is moved next: after a power cut that one must not lie there with an empty report.
    file.sync_all()
}

impl Lot<'_> {
    fn check(&self) {
        debug_assert_eq!(
            self.arrival.claim().uuid(),
            self.receipt.claim(),
            "a receipt for another file"
        );
    }

    /// Of a file that a person let in, the report goes first: without its file, nobody would look
    /// after it any more.
    fn forget_report(&self, disposal: Disposal, shelves: &Shelves) -> io::Result<()> {
        let is_let_in = self.arrival.origin() == Origin::InPlace
            && disposal != Disposal::Leave
            && shelves.has_held(self.arrival.path());
        if is_let_in {
            let (folder, name) = self.arrival.directory()?;
            remove(&folder, &with_suffix(&name, REPORT))?;
            folder.sync()?;
        }
        Ok(())
    }

    /// What lies beside it goes first: alone it would be taken for that of the next file of its name.
    /// A file that lost it in a crash is known to the ledger, and needs it no more.
    fn remove(&self) -> io::Result<Removal> {
        let (folder, name) = self.arrival.directory()?;
        for what in &self.beside {
            remove(&folder, &what.name(&name))?;
        }
        if !self.beside.is_empty() {
            folder.sync()?;
        }
        remove(&folder, &name)?;
        Ok(Removal::Unsynced(folder))
    }

    /// Moves the file to a shelf under this name, or, where the name is taken, under one that the
    /// claim makes unique. Never replaces a file. What is to be prepared beside the place is
    /// prepared before the move, as after a crash nobody would know any more that it is missing.
    fn shelve(
        &self,
        onto: &Directory,
        name: &OsStr,
        prepare: impl Fn(&OsStr) -> io::Result<()>,
    ) -> io::Result<PathBuf> {
        let (folder, own) = self.arrival.directory()?;
        let beside: Vec<_> = self
            .beside
            .iter()
            .filter(|what| folder.has(&what.name(&own)))
            .collect();
        // Asked first, so that a report of the file that has the name is not written over. Only
        // Hayloft puts files here, one at a time for a table.
        let is_taken = onto.has(name) || beside.iter().any(|what| onto.has(&what.name(name)));
        let place = if is_taken {
            prefixed(self.arrival)
        } else {
            name.to_owned()
        };
        prepare(&place)?;
        for what in beside {
            rename_new((&folder, &what.name(&own)), (onto, &what.name(&place)))?;
            failpoint!("retire::sidecar");
        }
        rename_new((&folder, &own), (onto, &place))?;
        failpoint!("retire::moved");
        folder.sync()?;
        onto.sync()?;
        Ok(onto.path().join(place))
    }
}

/// Why a file stays that a process has open for writing.
pub(crate) fn still_open(arrival: &Arrival, writer: &FileWriter) -> RetireError {
    let why = format!("{writer} has it open for writing");
    stuck(arrival.path(), io::Error::other(why))
}

/// What the name of a report has after that of its file.
const REPORT: &str = ".report.txt";

fn stuck(path: &Path, source: io::Error) -> RetireError {
    RetireError {
        place: path.display().to_string(),
        source,
    }
}

fn remove(folder: &Directory, name: &OsStr) -> io::Result<()> {
    match unlinkat(folder, name, AtFlags::empty()) {
        // Removed by an earlier try whose directory was not yet synced, or by a person.
        Err(Errno::NOENT) => {}
        other => other?,
    }
    failpoint!("retire::removed");
    Ok(())
}

fn rename_new(from: (&Directory, &OsStr), to: (&Directory, &OsStr)) -> io::Result<()> {
    match renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE) {
        // A file system that cannot promise: look first. Only Hayloft writes to these folders.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if !to.0.has(to.1) => {
            Ok(renameat(from.0, from.1, to.0, to.1)?)
        }
        other => Ok(other?),
    }
}

fn prefixed(arrival: &Arrival) -> OsString {
    let mut name = OsString::from(arrival.claim().uuid().to_string());
    name.push("~");
    name.push(arrival.delivered_name());
    name
}

fn with_suffix(name: &OsStr, suffix: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(suffix);
    name
}

/// The folder that a file lies in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
