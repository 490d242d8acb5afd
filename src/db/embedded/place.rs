//! Where the data directory lies.
//!
//! `.hayloft/postgres` is the data directory itself wherever the server's user can get to it.
//! Where not (root's project in `/root` or in a closed folder), it is a link into
//! `/var/lib/hayloft`.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::account::Account;

/// Below which root's clusters lie when their projects are closed to the server's user.
const SHELTER: &str = "/var/lib/hayloft";

/// The data directory of this `.hayloft` folder, if one was made.
pub(super) fn existing(folder: &Path) -> Result<Option<PathBuf>> {
    let entry = folder.join("postgres");
    let Ok(kind) = entry.symlink_metadata() else {
        return Ok(None);
    };
    if !entry.exists() {
        // To make a new one in silence would hide that the old one is gone.
        let gone = fs::read_link(&entry).unwrap_or_default();
        bail!(
            "The embedded database of this project was in {}, which is gone: bring it back, or \
             remove {} to begin with an empty one.",
            gone.display(),
            entry.display()
        );
    }
    if kind.is_dir() || kind.is_symlink() {
        let data = entry.canonicalize();
        return data
            .map(Some)
            .with_context(|| format!("{} cannot be used.", entry.display()));
    }
    bail!(
        "{} is no folder: move it away, as the embedded database goes there.",
        entry.display()
    );
}

/// A place that is still free, into which a finished cluster can be renamed.
pub(super) fn free(folder: &Path, account: &Account, program: &Path) -> Result<PathBuf> {
    if account.can_enter(folder, program) {
        return Ok(folder.join("postgres"));
    }
    let shelter = Path::new(SHELTER);
    fs::create_dir_all(shelter)
        .and_then(|()| fs::set_permissions(shelter, Permissions::from_mode(0o711)))
        .with_context(|| format!("The folder {SHELTER} cannot be made."))?;
    let digest = short_digest(folder);
    // Taken already if the project's folder was moved away or deleted, and made anew.
    let names = std::iter::once(digest.clone()).chain((2..).map(|n: u32| format!("{digest}-{n}")));
    let mut places = names.map(|name| shelter.join(name));
    places
        .find(|place| place.symlink_metadata().is_err())
        .context("No name is left for a cluster.")
}

/// Moves a finished cluster to its place, in one step that a power cut does not undo.
pub(super) fn settle(staged: &Path, place: &Path, folder: &Path) -> Result<()> {
    let moved = || -> std::io::Result<()> {
        fs::rename(staged, place)?;
        sync(place.parent().unwrap_or(place))?;
        let entry = folder.join("postgres");
        if entry != place {
            symlink(place, entry)?;
        }
        sync(folder)
    };
    moved().with_context(|| format!("The new cluster cannot be moved to {}.", place.display()))
}

fn sync(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// A folder that only the account can look into.
pub(super) fn private_folder(path: &Path, account: &Account) -> Result<()> {
    DirBuilder::new()
        .mode(0o700)
        .create(path)
        .with_context(|| format!("The folder {} cannot be made.", path.display()))?;
    account.take(path)
}

/// Enough of a digest to tell one project's folder from another's.
pub(super) fn short_digest(folder: &Path) -> String {
    let digest: [u8; 32] = Sha256::digest(folder.as_os_str().as_bytes()).into();
    let start = digest
        .first_chunk()
        .map_or(0, |start| u64::from_be_bytes(*start));
    format!("{:012x}", start >> 16)
}
