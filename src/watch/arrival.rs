//! A file that is complete, claimed, and named for a table.
//!
//! Only the watch makes arrivals (and `hayloft load`, of a file that a person named). An arrival
//! that is dropped without being retired or released is not lost: its file is still claimed, and
//! the next sweep makes it an arrival again, under the same claim id.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ahead::Slot;
use super::claim::{Claim, ClaimId};
use super::folder::Folder;
use super::name::{Beside, Format, display_name};
use crate::contract::TableName;
use crate::directory::Directory;

/// One delivery, from its claim to its end.
#[derive(Debug)]
pub struct Arrival {
    claim: ClaimId,
    table: TableName,
    format: Format,
    /// The name, safe to show.
    shown: String,
    /// The name, byte for byte.
    delivered_name: OsString,
    path: PathBuf,
    home: Home,
}

/// Where a delivery's file lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// In `imports/.claimed/`, taken from `imports/`.
    Claimed,
    /// Where a person keeps it: `hayloft load FILE`.
    InPlace,
}

#[derive(Debug)]
enum Home {
    Claimed {
        folder: Arc<Folder>,
        claim: Claim,
        beside: Box<[Beside]>,
        slot: Slot,
    },
    InPlace,
}

/// What became of a file that was given back.
#[derive(Debug)]
pub enum Released {
    /// It is in `imports/` again under its own name, and settles like any other file.
    PutBack,
    /// A newer file has that name. This one came first, so it stays claimed and is to be tried
    /// again before that.
    StillClaimed(Arrival),
}

/// Why a file that a person named cannot be an arrival.
#[derive(Debug, thiserror::Error)]
pub enum ArrivalError {
    /// It is not there, or cannot be looked at.
    #[error("`{name}` cannot be read. {}", absence(source))]
    NotFound {
        /// The file's path, safe to show.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is a directory, a FIFO, a device.
    #[error("`{0}` is not a file. Name a CSV file.")]
    NotAFile(String),
}

impl Arrival {
    /// A file that is loaded where it lies, as often as a person asks for it.
    pub fn in_place(path: &Path, table: TableName) -> Result<Self, ArrivalError> {
        let shown = display_name(path.as_os_str());
        // Following links: the person who named the path may read what it leads to.
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(ArrivalError::NotAFile(shown)),
            Err(source) => {
                return Err(ArrivalError::NotFound {
                    name: shown,
                    source,
                });
            }
        }
        let delivered_name = delivered_name(path);
        Ok(Self {
            claim: ClaimId::fresh(),
            table,
            format: Format::Csv,
            shown: display_name(&delivered_name),
            delivered_name,
            path: path.to_owned(),
            home: Home::InPlace,
        })
    }

    pub(crate) fn claimed(
        folder: &Arc<Folder>,
        claim: Claim,
        (table, format): (TableName, Format),
        beside: &[Beside],
        slot: Slot,
    ) -> Self {
        Self {
            claim: claim.id,
            table,
            format,
            shown: display_name(&claim.name),
            delivered_name: claim.name.clone(),
            path: folder.claimed_path(&claim.claimed_name()),
            home: Home::Claimed {
                folder: Arc::clone(folder),
                claim,
                beside: beside.into(),
                slot,
            },
        }
    }

    /// Its identity in the ledger.
    #[must_use]
    pub fn claim(&self) -> ClaimId {
        self.claim
    }

    /// The table that it is for.
    #[must_use]
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// How it is to be read.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The name that it was dropped under, safe to show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shown
    }

    /// Where its file lies.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match self.home {
            Home::Claimed { .. } => Origin::Claimed,
            Home::InPlace => Origin::InPlace,
        }
    }

    /// The directory in which the file lies, and its name there. For the two rooms that may touch
    /// it, as a path may lead elsewhere by then.
    pub(crate) fn directory(&self) -> io::Result<(Directory, OsString)> {
        if let Home::Claimed { folder, claim, .. } = &self.home {
            return Ok((folder.claimed()?, claim.claimed_name()));
        }
        let name = self.path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Ok((Directory::open(parent)?, name.to_owned()))
    }

    /// The file. For the two rooms that may touch it: stage reads it, retire removes it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The name that it was dropped under, byte for byte.
    pub(crate) fn delivered_name(&self) -> &OsStr {
        &self.delivered_name
    }

    /// Gives the file back, because it changed while it was read.
    pub fn release(self) -> io::Result<Released> {
        let Home::Claimed {
            folder,
            claim,
            beside,
            slot,
        } = &self.home
        else {
            return Ok(Released::PutBack);
        };
        let file = claim.identity(folder).ok_or(io::ErrorKind::NotFound)?;
        // Before the rename: its event must not pass for a writer's finished file.
        slot.expect_back(file);
        let put_back = claim.put_back(folder, beside);
        if put_back.is_err() {
            slot.expect_back_no_more(file);
        }
        match put_back {
            Ok(()) => {
                folder.sync()?;
                Ok(Released::PutBack)
            }
            Err(error) if may_not_replace(&error) => Ok(Released::StillClaimed(self)),
            Err(error) => Err(error),
        }
    }
}

/// Why the file that a person named cannot be looked at.
pub(crate) fn absence(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "There is no such file.".to_owned(),
        _ => format!("It cannot be looked at: {error}."),
    }
}

/// A file that was set aside where its name was taken has the id of its claim before its name.
pub(crate) fn delivered_name(path: &Path) -> OsString {
    let name = path.file_name().unwrap_or_default();
    Claim::parse(name).map_or_else(|| name.to_owned(), |claim| claim.name)
}

/// The name is taken, or the file system cannot promise to leave a file of that name alone.
fn may_not_replace(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
    )
}
