//! Receipt → the file gone.
//!
//! In: an arrival, and the receipt that says what the ledger has of it. Out: the file deleted,
//! archived, kept, or set aside with a report; and what lies beside it, where it goes. This is the only code that removes a person's
//! file, and without a receipt it cannot be called.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use thiserror::Error;

use crate::contract::OnDone;
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
        let lies_in = folder_of(file).canonicalize().ok();
        let held = self.folder(HELD).canonicalize().ok();
        held.is_some() && held == lies_in
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.imports.join(name)
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

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Removal {
    Durable,
    Unsynced,
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
    let done = lot.forget_report(disposal, shelves);
    let done = done.and_then(|()| match disposal {
        Disposal::Leave => Ok(Removal::Durable),
        Disposal::OnDone(OnDone::Delete) => lot.remove(),
        Disposal::OnDone(OnDone::Archive) => {
            let folder = shelves.folder(ARCHIVE);
            lot.shelve(&folder, &prefixed(arrival), |_| Ok(()))
                .map(|_| Removal::Durable)
        }
        Disposal::OnDone(OnDone::Keep) => {
            let folder = shelves.folder(KEPT);
            lot.shelve(&folder, arrival.delivered_name(), |_| Ok(()))
                .map(|_| Removal::Durable)
        }
    });
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
        let folder = folder_of(&self.path);
        if self.removal == Removal::Unsynced && !synced.0.contains(folder) {
            sync(folder).map_err(|source| stuck(&self.path, source))?;
            synced.0.insert(folder.to_owned());
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
    let folder = shelves.folder(shelf.name());
    let write = |place: &Path| fs::write(report_of(place), report(place));
    lot.shelve(&folder, arrival.delivered_name(), write)
        .map(Some)
        .map_err(|source| stuck(arrival.path(), source))
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
        let path = self.arrival.path();
        let is_let_in = self.arrival.origin() == Origin::InPlace
            && disposal != Disposal::Leave
            && shelves.has_held(path);
        if is_let_in {
            remove(&report_of(path))?;
            sync(folder_of(path))?;
        }
        Ok(())
    }

    /// What lies beside it goes first: alone it would be taken for that of the next file of its name.
    /// A file that lost it in a crash is known to the ledger, and needs it no more.
    fn remove(&self) -> io::Result<Removal> {
        let path = self.arrival.path();
        for what in &self.beside {
            remove(&with_suffix(path, what.suffix()))?;
        }
        if !self.beside.is_empty() {
            sync(folder_of(path))?;
        }
        remove(path)?;
        Ok(Removal::Unsynced)
    }

    /// The suffixes of what lies beside the file now.
    fn present(&self) -> Vec<&str> {
        let suffixes = self.beside.iter().map(Beside::suffix);
        suffixes
            .filter(|suffix| is_there(&with_suffix(self.arrival.path(), suffix)))
            .collect()
    }

    /// Moves the file to a shelf under this name, or, where the name is taken, under one that the
    /// claim makes unique. Never replaces a file. What is to be prepared beside the place is
    /// prepared before the move, as after a crash nobody would know any more that it is missing.
    fn shelve(
        &self,
        folder: &Path,
        name: &OsStr,
        prepare: impl Fn(&Path) -> io::Result<()>,
    ) -> io::Result<PathBuf> {
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            // The shelf itself has to survive a power cut, and all that is put on it.
            sync(folder_of(folder))?;
        }
        let path = self.arrival.path();
        let wanted = folder.join(name);
        let beside = self.present();
        // Asked first, so that a report of the file that has the name is not written over. Only
        // Hayloft puts files here, one at a time for a table.
        let is_taken = is_there(&wanted)
            || beside
                .iter()
                .any(|suffix| is_there(&with_suffix(&wanted, suffix)));
        let place = if is_taken {
            folder.join(prefixed(self.arrival))
        } else {
            wanted
        };
        prepare(&place)?;
        for suffix in beside {
            rename_new(&with_suffix(path, suffix), &with_suffix(&place, suffix))?;
            failpoint!("retire::sidecar");
        }
        rename_new(path, &place)?;
        failpoint!("retire::moved");
        sync(folder_of(path))?;
        sync(folder_of(&place))?;
        Ok(place)
    }
}

/// Why a file stays that a process has open for writing.
pub(crate) fn still_open(arrival: &Arrival, writer: &FileWriter) -> RetireError {
    let why = format!("{writer} has it open for writing");
    stuck(arrival.path(), io::Error::other(why))
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn report_of(path: &Path) -> PathBuf {
    with_suffix(path, ".report.txt")
}

fn stuck(path: &Path, source: io::Error) -> RetireError {
    RetireError {
        place: path.display().to_string(),
        source,
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        // Removed by an earlier try whose directory was not yet synced, or by a person.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }?;
    failpoint!("retire::removed");
    Ok(())
}

fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot promise: look first. Only Hayloft writes to these folders.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if !to.exists() => fs::rename(from, to),
        other => other.map_err(io::Error::from),
    }
}

fn prefixed(arrival: &Arrival) -> OsString {
    let mut name = OsString::from(arrival.claim().uuid().to_string());
    name.push("~");
    name.push(arrival.delivered_name());
    name
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The folder that a file lies in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes what was removed from a folder, or moved, survive a power cut.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
