//! Receipt → the file gone.
//!
//! In: an arrival, and the receipt that says what the ledger has of it. Out: the file deleted,
//! archived, kept, or set aside with a report. This is the only code that removes a person's
//! file, and without a receipt it cannot be called.

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
use crate::watch::{ARCHIVE, Arrival, FAILED, KEPT, Origin};

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

    fn folder(&self, name: &str) -> PathBuf {
        self.imports.join(name)
    }
}

/// Removes the file of a load that the ledger has as loaded or skipped.
pub fn retire(
    arrival: &Arrival,
    receipt: &Receipt,
    disposal: Disposal,
    shelves: &Shelves,
) -> Result<(), RetireError> {
    debug_assert_eq!(
        arrival.claim().uuid(),
        receipt.claim(),
        "a receipt for another file"
    );
    failpoint!("retire::begin");
    let done = match disposal {
        Disposal::Leave => Ok(()),
        Disposal::OnDone(OnDone::Delete) => remove(arrival.path()),
        Disposal::OnDone(OnDone::Archive) => {
            let name = prefixed(arrival);
            shelve(arrival.path(), &shelves.folder(ARCHIVE), &name, arrival).map(drop)
        }
        Disposal::OnDone(OnDone::Keep) => shelve(
            arrival.path(),
            &shelves.folder(KEPT),
            arrival.file_name(),
            arrival,
        )
        .map(drop),
    };
    failpoint!("retire::synced");
    done.map_err(|source| stuck(arrival, source))
}

/// Sets aside the file of a load that the ledger has as failed, with a report beside it, and says
/// where. A file that was loaded where it lies stays there.
pub fn set_aside(
    arrival: &Arrival,
    receipt: &Receipt,
    report: &str,
    shelves: &Shelves,
) -> Result<Option<PathBuf>, RetireError> {
    debug_assert_eq!(
        arrival.claim().uuid(),
        receipt.claim(),
        "a receipt for another file"
    );
    if arrival.origin() == Origin::InPlace {
        return Ok(None);
    }
    let folder = shelves.folder(FAILED);
    shelve_with(
        arrival.path(),
        &folder,
        arrival.file_name(),
        arrival,
        |place| fs::write(with_suffix(place, ".report.txt"), report),
    )
    .map(Some)
    .map_err(|source| stuck(arrival, source))
}

fn stuck(arrival: &Arrival, source: io::Error) -> RetireError {
    RetireError {
        place: arrival.path().display().to_string(),
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
    sync_parent(path)
}

/// Moves a file to a shelf under this name, or, where the name is taken, under one that the
/// claim makes unique. Never replaces a file.
fn shelve(path: &Path, folder: &Path, name: &OsStr, arrival: &Arrival) -> io::Result<PathBuf> {
    shelve_with(path, folder, name, arrival, |_| Ok(()))
}

/// The same, with something to prepare beside the place: before the move, as after a crash nobody
/// would know any more that it is missing.
fn shelve_with(
    path: &Path,
    folder: &Path,
    name: &OsStr,
    arrival: &Arrival,
    prepare: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<PathBuf> {
    if !folder.exists() {
        fs::create_dir_all(folder)?;
        // The shelf itself has to survive a power cut, and all that is put on it.
        sync_parent(folder)?;
    }
    let wanted = folder.join(name);
    // Asked first, so that a report of the file that has the name is not written over. Only
    // Hayloft puts files here, one at a time for a table.
    let place = if fs::symlink_metadata(&wanted).is_ok() {
        folder.join(prefixed(arrival))
    } else {
        wanted
    };
    prepare(&place)?;
    rename_new(path, &place)?;
    failpoint!("retire::moved");
    sync_parent(path)?;
    sync_parent(&place)?;
    Ok(place)
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
    name.push(arrival.file_name());
    name
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Without this, a power cut could bring the file back under its old name. It would not be
/// loaded again, as the ledger knows its claim; it would only lie there.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}
